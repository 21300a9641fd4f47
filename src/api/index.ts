// The archive's HTTP server.
export { build,  } from './app.ts'
export { type ApiCounts } from './counts.ts'
export { apiErrors } from './errors.ts'
export { closeWithin, listen } from './listen.ts'

