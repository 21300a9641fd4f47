// Codes for wrong usage: the program exits with 2 on any of these.
import { defineErrors } from '../pipeline/errors.ts'

export const usageErrors = defineErrors({
  USAGE_UNKNOWN_MODE: { hint: 'Run "alert-stream --help" for the list of modes.', usage: true },
  USAGE_UNKNOWN_FLAG: { hint: 'Run the mode with --help for its flags.', usage: true },
  USAGE_UNKNOWN_KEY: { hint: 'Run "alert-stream config --list" for every key of a configuration file.', usage: true },
  USAGE_CONFIG_FILE: { hint: 'Give --config a YAML file of flags; run "alert-stream config MODE --format yaml" for one.', usage: true },
  USAGE_BAD_VALUE: { hint: 'Run the mode with --help for what the flag takes.', usage: true },
  USAGE_MISSING: { hint: 'Run the mode with --help for an example.', usage: true },
  USAGE_EXTRA_ARGUMENT: { hint: 'Run the mode with --help for its usage; a value with blanks needs quotes.', usage: true }
})
