// Bounds the connections of the server. Above `max`, requests for alerts and schemas get 503 and every response closes its connection.
// The health check still responds. Above twice that number, new connections are closed at once.
import type { FastifyInstance } from 'fastify'
import { apiErrors } from './errors.ts'

/** Counts connections in `app.stats` and limits their number. */
export function boundConnections (app: FastifyInstance, max: number): void {
  const { connections } = app.stats
  app.server.maxConnections = 2 * max
  app.server.on('connection', socket => {
    connections.open++
    socket.once('close', () => { connections.open-- })
  })
  app.server.on('drop', () => { connections.refused++ })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (connections.open > max) reply.header('connection', 'close')
    done()
  })
}

/** Rejects the requests of `app` while more than `max` connections are open. */
export function shedConnections (app: FastifyInstance, max: number): void {
  app.addHook('onRequest', (_request, _reply, done) => {
    const { open } = app.stats.connections
    done(open > max ? apiErrors.API_TOO_MANY_CONNECTIONS(`${open} connections are open`) : undefined)
  })
}
