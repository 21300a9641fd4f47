// Everything served here is read only: other methods on a known path get 405 with Allow (and OPTIONS an answer), not 404.
import { type FastifyInstance, type FastifyReply, type FastifyRequest, type RouteGenericInterface } from 'fastify'
import { sendProblem } from './problems.ts'

type Handler<T extends RouteGenericInterface> = (request: FastifyRequest<T>, reply: FastifyReply) => Promise<FastifyReply>

const allowed = 'GET, HEAD, OPTIONS'

/** Registers a route for GET and HEAD, and the refusal of all other methods. */
export function readOnly<T extends RouteGenericInterface = RouteGenericInterface> (app: FastifyInstance, url: string, handler: Handler<T>): void {
  app.route<T>({ method: ['GET', 'HEAD'], url, handler: handler as never })
  app.route({
    method: app.supportedMethods.filter(method => method !== 'GET' && method !== 'HEAD'),
    url,
    // Before a body is read.
    async onRequest (request, reply) {
      reply.header('allow', allowed)
      if (request.method === 'OPTIONS') return reply.code(204).send()
      return sendProblem(reply, 405, `${request.method} is not allowed here, only ${allowed}`)
    },
    handler () {}
  })
}
