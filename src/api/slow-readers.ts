// Cuts off clients that read a response too slowly, because each of them holds a connection and a buffer.
import type { FastifyInstance } from 'fastify'
import { Readable } from 'node:stream'
import { apiErrors } from './errors.ts'

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
    if (request.method !== 'HEAD' && !reply.raw.destroyed) {
      const cut = (): void => {
        app.stats.slowReaders++
        reply.raw.destroy()
      }
      if (payload instanceof Readable) reply.raw.setTimeout(stallMs, cut)
      if (Buffer.isBuffer(payload) && payload.length > smallBytes) {
        const deadline = setTimeout(cut, stallMs + payload.length / minRate)
        reply.raw.setTimeout(stallMs, cut)
        reply.raw.once('close', () => { clearTimeout(deadline) })
      }
    }
    done()
  })
}

/** Passes on the chunks of a response. Rejects if the client takes a chunk later than `cutSlowReaders` permits. */
export async function * paced (app: FastifyInstance, chunks: AsyncIterable<Buffer>, stallMs: number): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    const start = performance.now()
    app.stats.bytes += chunk.length
    yield chunk
    if (performance.now() - start > stallMs + chunk.length / minRate) {
      app.stats.slowReaders++
      throw apiErrors.API_CLIENT_SLOW('the client reads too slowly')
    }
  }
}
