// Error codes of the HTTP server itself, met when it is started. What clients meet is in problems.ts.
import { defineErrors } from '../pipeline/errors.ts'

export const apiErrors = defineErrors({
  API_PREFIX_INVALID: { hint: 'Give a path such as /alertdb: letters, digits, ., _, ~ and - between slashes.' },
  API_PORT_BUSY: { hint: 'Stop the program that listens there, or choose another port.' },
  API_LISTEN_FAILED: { hint: 'Choose an address of this machine and a port that this user may open (1024 or higher).' }
})
