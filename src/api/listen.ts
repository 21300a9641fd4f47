// Opens a built server to the network, and closes it within a deadline.
import { type FastifyInstance } from 'fastify'
import { apiErrors } from './errors.ts'

/** Resolves to the URL, without a slash at the end. `port` 0 takes a free one. Rejects with API_PORT_BUSY or API_LISTEN_FAILED. */
export async function listen (app: FastifyInstance, { host, port }: { readonly host: string, readonly port: number }): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    const where = `${host}:${port}`
    if (code === 'EADDRINUSE') throw apiErrors.API_PORT_BUSY('the port is in use', { where, cause })
    if (typeof code === 'string' && code.startsWith('E')) throw apiErrors.API_LISTEN_FAILED(`listening failed with ${code}`, { where, cause })
    throw cause
  }
}

/** Lets requests in flight finish; after `deadlineMs` their connections are cut. Resolves to whether all had finished. */
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
