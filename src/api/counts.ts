// What the server has done so far, for metering: plain numbers that only grow, except `inFlight`.
import { type FastifyInstance } from 'fastify'

export interface ApiCounts {
  /** Requests answered, by route pattern (`/v1/alerts/:id`, without the path prefix; `other` where none matched), then by status. */
  readonly requests: Record<string, Record<number, number>>
  /** Bytes of response bodies, as sent (compressed where they were). */
  bytes: number
  /** Requests being answered now. */
  inFlight: number
  /** Requests whose client went away before the answer was sent; not among `requests`. */
  aborted: number
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly counts: ApiCounts
  }
}

/** Adds `app.counts` and keeps it. */
export function countRequests (app: FastifyInstance, prefix: string): void {
  const counts: ApiCounts = { requests: {}, bytes: 0, inFlight: 0, aborted: 0 }
  app.decorate('counts', counts)
  app.addHook('onRequest', async (request, reply) => {
    counts.inFlight++
    let answered = false
    reply.raw.once('finish', () => {
      answered = true
      const route = request.routeOptions.url?.slice(prefix.length) ?? 'other'
      const statuses = counts.requests[route === '' ? '/' : route] ??= {}
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
