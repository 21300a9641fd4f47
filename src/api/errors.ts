// Errors of the HTTP server: failures to start, and requests that it sheds. Error responses to clients are in problems.ts.
import { defineErrors } from '../pipeline/errors.ts'

const later = 'Send the request again after the time in the header Retry-After.'

export const apiErrors = defineErrors({
  API_PREFIX_INVALID: { hint: 'Give a path such as /alertdb: letters, digits, ".", "_", "~" and "-", separated by slashes.', usage: true },
  API_PORT_BUSY: { hint: 'Stop the program that listens on this port, or choose another port.' },
  API_LISTEN_FAILED: { hint: 'Choose an address of this machine, and a port that this user may open (usually 1024 or higher).' },
  API_QUEUE_FULL: { hint: later },
  API_BUFFERS_FULL: { hint: later },
  API_TOO_MANY_CONNECTIONS: { hint: later },
  API_CLIENT_SLOW: { hint: 'Read the response faster than 16 kB/s.' },
  API_CLIENT_GONE: { hint: 'The client disconnected.' }
})
