// What the server has done so far, for metering: plain numbers that only grow, except `inFlight`.
import { type FastifyInstance } from 'fastify'
import { Histogram } from '../pipeline/index.ts'

export interface ApiCounts {
  /** Requests answered, by route pattern (`/v1/alerts/:id`, without the path prefix; `other` where none matched), then by status. */
  readonly requests: Record<string, Record<number, number>>
  /** Bytes of response bodies, as sent (compressed where they were). */
  bytes: number
  /** Requests being answered now. */
  inFlight: number
  /** Requests whose client went away before the answer was sent; not among `requests`. */
  aborted: number
  /** Seconds from a request's arrival until its answer was sent, by route as in `requests`. */
  readonly durations: Map<string, Histogram>
  /** Schemas that were asked for, by whether they were in memory. */
  schemas: { readonly hits: number, readonly misses: number }
}

const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

declare module 'fastify' {
  interface FastifyInstance {
    readonly counts: ApiCounts
  }
}

/** Adds `app.counts` and keeps it. */
export function countRequests (app: FastifyInstance, prefix: string): void {
  const counts: ApiCounts = { requests: {}, bytes: 0, inFlight: 0, aborted: 0, durations: new Map(), schemas: { hits: 0, misses: 0 } }
  app.decorate('counts', counts)
  app.addHook('onRequest', async (request, reply) => {
    counts.inFlight++
    let answered = false
    reply.raw.once('finish', () => {
      answered = true
      const pattern = request.routeOptions.url?.slice(prefix.length) ?? 'other'
      const route = pattern === '' ? '/' : pattern
      const statuses = counts.requests[route] ??= {}
      let durations = counts.durations.get(route)
      if (durations === undefined) counts.durations.set(route, durations = new Histogram(DURATIONS))
      durations.observe(reply.elapsedTime / 1000)
      statuses[reply.statusCode] = (statuses[reply.statusCode] ?? 0) + 1
      if (request.method !== 'HEAD') counts.bytes += Number(reply.getHeader('content-length') ?? 0)
    })
    // The only event that also comes when the client goes away.
    reply.raw.once('close', () => {
      counts.inFlight--
      if (!answered) counts.aborted++
    })
  })
}
