// Cuts off clients that read a response too slowly, because each of them holds a connection and a buffer.
import type { FastifyInstance } from 'fastify'

/** Responses up to this size fit into the buffers of the kernel. */
const smallBytes = 16 * 1024
/** Minimum mean rate of a client, in bytes per millisecond. */
const minRate = 16

/**
 * Destroys the connection of a client that reads nothing for `stallMs`, or that has not read the complete response `stallMs` after the time
 * that it takes at 16 kB/s.
 */
export function cutSlowReaders (app: FastifyInstance, stallMs: number): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (Buffer.isBuffer(payload) && payload.length > smallBytes && request.method !== 'HEAD' && !reply.raw.destroyed) {
      const cut = (): void => {
        app.stats.slowReaders++
        reply.raw.destroy()
      }
      const deadline = setTimeout(cut, stallMs + payload.length / minRate)
      reply.raw.setTimeout(stallMs, cut)
      reply.raw.once('close', () => { clearTimeout(deadline) })
    }
    done()
  })
}
