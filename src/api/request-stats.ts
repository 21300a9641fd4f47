// In-process counters of the API server, which only grow, except `inFlight`; and the log line of each request (level debug).
import type { FastifyInstance } from 'fastify'
import { Histogram } from '../pipeline/index.ts'
import type { Logger } from '../pipeline/log.ts'
import { noneShed, noneUnusable } from './problems.ts'

export interface ApiStats {
  /** Completed requests by route pattern (`/v1/alerts/:id` without the path prefix; `other` if no route matched), then by status. */
  readonly requests: Record<string, Record<number, number>>
  /** Bytes of response bodies as sent. A compressed body counts with its compressed length. */
  bytes: number
  inFlight: number
  /** Requests whose client disconnected before the response was sent. They are not in `requests`. */
  aborted: number
  /** Seconds from the arrival of a request until its response was sent, by route pattern as in `requests`. */
  readonly durations: Map<string, Histogram>
  /** Requests that got 503 because the server was overloaded, by reason. */
  readonly shed: Record<string, number>
  /** Requests for stored objects that cannot be served, by reason (damaged, too large). */
  readonly unusableObjects: Record<string, number>
  /** Responses that were cut off because their client read too slowly. They are in `aborted` too. */
  slowReaders: number
  readonly connections: { open: number, refused: number }
  buffers: AlertBuffers
  schemas: { readonly hits: number, readonly misses: number }
}

interface AlertBuffers {
  /** Bytes of the alerts that are being read or sent, without those in the cache. */
  readonly bufferedBytes: number
  readonly cachedBytes: number
  readonly cacheLookups: { readonly hits: number, readonly misses: number }
}

const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

declare module 'fastify' {
  interface FastifyInstance {
    readonly stats: ApiStats
  }
}

/** Adds `app.stats`, updates it with every request and logs the request. */
export function collectStats (app: FastifyInstance, prefix: string, log: Logger): void {
  const stats: ApiStats = {
    requests: {}, bytes: 0, inFlight: 0, aborted: 0, durations: new Map(), slowReaders: 0,
    shed: noneShed(), unusableObjects: noneUnusable(),
    connections: { open: 0, refused: 0 },
    buffers: { bufferedBytes: 0, cachedBytes: 0, cacheLookups: { hits: 0, misses: 0 } }, schemas: { hits: 0, misses: 0 }
  }
  app.decorate('stats', stats)
  app.addHook('onRequest', (request, reply, done) => {
    stats.inFlight++
    const start = performance.now()
    let finished = false
    // A hook onResponse would cost more, because Fastify adds listeners of its own for it.
    reply.raw.once('finish', () => {
      finished = true
      const ms = performance.now() - start
      const pattern = request.routeOptions.url?.slice(prefix.length) ?? 'other'
      const route = pattern === '' ? '/' : pattern
      const statuses = stats.requests[route] ??= {}
      let durations = stats.durations.get(route)
      if (durations === undefined) stats.durations.set(route, durations = new Histogram(DURATIONS))
      durations.observe(ms / 1000)
      statuses[reply.statusCode] = (statuses[reply.statusCode] ?? 0) + 1
      if (request.method !== 'HEAD') stats.bytes += Number(reply.getHeader('content-length') ?? 0)
      log.debug({ method: request.method, url: request.url, status: reply.statusCode, ms: Math.round(ms) }, 'request')
    })
    // 'close' is emitted even if the client disconnects before the response, in contrast to 'finish'.
    reply.raw.once('close', () => {
      stats.inFlight--
      if (!finished) stats.aborted++
    })
    done()
  })
}
