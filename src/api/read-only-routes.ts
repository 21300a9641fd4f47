// Routes are read-only: on a known path, other methods get 405 with Allow instead of 404, and OPTIONS gets 204.
import { type FastifyInstance, type FastifyReply, type FastifyRequest, type RouteGenericInterface } from 'fastify'
import { sendProblem } from './problems.ts'

type Handler<T extends RouteGenericInterface> = (request: FastifyRequest<T>, reply: FastifyReply) => Promise<FastifyReply>

const allowed = 'GET, HEAD, OPTIONS'

/** Registers a route for GET and HEAD, and rejects all other methods. */
export function readOnly<T extends RouteGenericInterface = RouteGenericInterface> (
  app: FastifyInstance, url: string, handler: Handler<T>
): void {
  app.route<T>({ method: ['GET', 'HEAD'], url, handler: handler as never })
  app.route({
    method: app.supportedMethods.filter(method => method !== 'GET' && method !== 'HEAD'),
    url,
    // In onRequest, so that the request body is not read.
    async onRequest (request, reply) {
      reply.header('allow', allowed)
      if (request.method === 'OPTIONS') return reply.code(204).send()
      return sendProblem(reply, 405, `${request.method} is not allowed; allowed methods are ${allowed}`)
    },
    handler () {}
  })
}
