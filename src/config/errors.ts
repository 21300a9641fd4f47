// Error codes for wrong usage. After such an error, the program exits with code 2.
import { defineErrors } from '../pipeline/errors.ts'

export const usageErrors = defineErrors({
  USAGE_UNKNOWN_MODE: { hint: 'Run "alert-stream --help" for the list of modes.', usage: true },
  USAGE_UNKNOWN_FLAG: { hint: 'Run the mode with --help for the list of flags.', usage: true },
  USAGE_UNKNOWN_KEY: { hint: 'Run "alert-stream config --list" for the list of keys.', usage: true },
  USAGE_CONFIG_FILE: { hint: 'Run "alert-stream config MODE --format yaml" to generate a configuration file.', usage: true },
  USAGE_BAD_VALUE: { hint: 'Run the mode with --help for the values that the flag takes.', usage: true },
  USAGE_MISSING: { hint: 'Run the mode with --help for its usage.', usage: true },
  USAGE_EXTRA_ARGUMENT: { hint: 'Run the mode with --help for its usage. Quote a value that contains spaces.', usage: true }
})
