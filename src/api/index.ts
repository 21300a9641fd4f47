// The archive's HTTP server.
export { build, type ApiOptions } from './app.ts'
export { type ApiCounts } from './counts.ts'
export { apiErrors } from './errors.ts'
export { closeWithin, listen } from './listen.ts'
export { type PressureLimits } from './pressure.ts'
