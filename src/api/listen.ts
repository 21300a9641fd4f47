// Starts an HTTP server on its port, and closes it within a deadline.
import type { FastifyInstance } from 'fastify'
import { systemErrorCode } from '../pipeline/errors.ts'
import { apiErrors } from './errors.ts'

/** Resolves to the server's URL, without a trailing slash. Port 0 selects a free port. Rejects with API_PORT_BUSY or API_LISTEN_FAILED. */
export async function listen (app: FastifyInstance, { host, port }: { readonly host: string, readonly port: number }): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    const code = systemErrorCode(cause)
    const where = `${host}:${port}`
    if (code === 'EADDRINUSE') throw apiErrors.API_PORT_BUSY('the port is already in use', { where, cause })
    if (code?.startsWith('E') === true) throw apiErrors.API_LISTEN_FAILED(`cannot listen: ${code}`, { where, cause })
    throw cause
  }
}

/** Closes the server. Aborts requests that are still in flight after `deadlineMs`. Resolves to whether all requests finished. */
export async function closeWithin (app: FastifyInstance, deadlineMs: number): Promise<boolean> {
  let cut = false
  const timer = setTimeout(() => {
    cut = true
    app.server.closeAllConnections()
  }, deadlineMs)
  try {
    await app.close()
  } finally {
    clearTimeout(timer)
  }
  return !cut
}
