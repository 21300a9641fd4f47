// Routes accept only some methods: GET and HEAD, or POST. On a known path, OPTIONS gets 204, and any other method gets 405 with Allow
// instead of 404.
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, RouteGenericInterface } from 'fastify'
import { sendProblem } from './problems.ts'

/** A handler that has sent its response returns the reply itself, which costs less than a promise. */
type Handler<T extends RouteGenericInterface> = (request: FastifyRequest<T>, reply: FastifyReply) => FastifyReply | Promise<FastifyReply>

interface PostOptions<T extends RouteGenericInterface> {
  readonly schema: FastifySchema
  /** Maximum length of a request body in bytes. */
  readonly bodyLimit: number
  /** What is wrong with the parsed body, before it is compared with the schema. */
  readonly objection: (body: unknown) => string | undefined
  readonly handler: Handler<T>
}

/** Registers `handler` for GET and HEAD, and the responses to all other methods. The API document describes GET. */
export function readOnly<T extends RouteGenericInterface = RouteGenericInterface> (
  app: FastifyInstance, url: string, handler: Handler<T>, schema: FastifySchema = {}
): void {
  app.route<T>({ method: 'GET', url, schema, handler: handlerOf(handler) })
  app.route<T>({ method: 'HEAD', url, schema: { ...schema, hide: true }, handler: handlerOf(handler) })
  rejectOthers(app, url, ['GET', 'HEAD'])
}

function handlerOf<T extends RouteGenericInterface> (handler: Handler<T>) {
  return (request: unknown, reply: unknown) => {
    const result = handler(request as never, reply as never)
    // Fastify would wait for a reply as for a promise.
    return result === reply ? undefined as never : result as never
  }
}

/** Registers a handler for POST, and the responses to all other methods. */
export function postOnly<T extends RouteGenericInterface = RouteGenericInterface> (
  app: FastifyInstance, url: string, { schema, bodyLimit, objection, handler }: PostOptions<T>
): void {
  app.route<T>({
    method: 'POST', url, schema, bodyLimit, handler: handlerOf(handler),
    async preValidation (request, reply) {
      const problem = objection(request.body)
      return problem === undefined ? undefined : sendProblem(reply, 400, problem)
    }
  })
  rejectOthers(app, url, ['POST'])
}

function rejectOthers (app: FastifyInstance, url: string, methods: readonly string[]): void {
  const allowed = [...methods, 'OPTIONS'].join(', ')
  app.route({
    method: app.supportedMethods.filter(method => !methods.includes(method)),
    url,
    schema: { hide: true },
    // Respond in onRequest, so that the request body is not read.
    async onRequest (request, reply) {
      reply.header('allow', allowed)
      if (request.method === 'OPTIONS') return reply.code(204).send()
      return sendProblem(reply, 405, `${request.method} is not allowed; allowed methods are ${allowed}`)
    },
    handler () {}
  })
}
