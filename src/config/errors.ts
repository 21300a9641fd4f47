// Codes for wrong usage: the program exits with 2 on any of these.
import { defineErrors } from '../pipeline/errors.ts'

export const usageErrors = defineErrors({
  USAGE_UNKNOWN_MODE: { hint: 'Run "alert-stream --help" for the list of modes.' },
  USAGE_UNKNOWN_FLAG: { hint: 'Run the mode with --help for its flags.' },
  USAGE_BAD_VALUE: { hint: 'Run the mode with --help for what the flag takes.' },
  USAGE_MISSING: { hint: 'Run the mode with --help for an example.' },
  USAGE_EXTRA_ARGUMENT: { hint: 'Run the mode with --help for its usage; a value with blanks needs quotes.' }
})
