// Errors that can occur when the HTTP server starts. Error responses to clients are in problems.ts.
import { defineErrors } from '../pipeline/errors.ts'

export const apiErrors = defineErrors({
  API_PREFIX_INVALID: { hint: 'Give a path such as /alertdb: letters, digits, ".", "_", "~" and "-", separated by slashes.', usage: true },
  API_PORT_BUSY: { hint: 'Stop the program that listens on this port, or choose another port.' },
  API_LISTEN_FAILED: { hint: 'Choose an address of this machine, and a port that this user may open (usually 1024 or higher).' }
})
