// Routes accept only GET and HEAD. On a known path, OPTIONS gets 204, and any other method gets 405 with Allow instead of 404.
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteGenericInterface } from 'fastify'
import { sendProblem } from './problems.ts'

/** A handler that has sent its response returns the reply itself, which costs less than a promise. */
type Handler<T extends RouteGenericInterface> = (request: FastifyRequest<T>, reply: FastifyReply) => FastifyReply | Promise<FastifyReply>

const allowed = 'GET, HEAD, OPTIONS'

/** Registers `handler` for GET and HEAD, and the responses to all other methods. */
export function readOnly<T extends RouteGenericInterface = RouteGenericInterface> (
  app: FastifyInstance, url: string, handler: Handler<T>
): void {
  app.route<T>({
    method: ['GET', 'HEAD'],
    url,
    handler (request, reply) {
      const result = handler(request as never, reply as never)
      // Fastify would wait for a reply as for a promise.
      return result === reply as never ? undefined as never : result as never
    }
  })
  app.route({
    method: app.supportedMethods.filter(method => method !== 'GET' && method !== 'HEAD'),
    url,
    // Respond in onRequest, so that the request body is not read.
    async onRequest (request, reply) {
      reply.header('allow', allowed)
      if (request.method === 'OPTIONS') return reply.code(204).send()
      return sendProblem(reply, 405, `${request.method} is not allowed; allowed methods are ${allowed}`)
    },
    handler () {}
  })
}
