// Everything that goes wrong in a request becomes `{"detail": "..."}`, as the original server has it. Faults of the archive: 503 with
// Retry-After (the same request can succeed later); a damaged object: 500 (it cannot, and no upstream gave a bad answer: ours is bad).
// Details tell clients a stable code, never a path; the log has the whole.
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { STATUS_CODES } from 'node:http'
import { type Socket } from 'node:net'
import { AlertStreamError, errorCode, formatError } from '../pipeline/errors.ts'
import { type Logger } from '../pipeline/log.ts'

export const retryAfterSeconds = 5

interface Problem {
  readonly status: number
  readonly detail: string
  readonly retryAfter?: number
}

/** Answers with a status and `{"detail"}`. Errors are never cached: an alert may be archived a second later. */
export function sendProblem (reply: FastifyReply, status: number, detail: string): FastifyReply {
  const body = JSON.stringify({ detail })
  return reply.code(status).headers({
    'cache-control': 'no-store',
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body)
  }).send(body)
}

/** Error handlers of the whole server. */
export function answerProblems (app: FastifyInstance, log: Logger, index: string): void {
  app.setErrorHandler((error: FastifyError | AlertStreamError, request, reply) => {
    // What belonged to the answer that was being prepared.
    for (const name of ['etag', 'content-encoding', 'content-length']) reply.removeHeader(name)
    const { status, detail, retryAfter } = problemOf(error)
    if (status >= 500 && !isOverload(error)) {
      const code = errorCode(error)
      log.error({ code, method: request.method, url: request.url, error: formatError(error) }, 'a request failed')
      if (code === 'UNEXPECTED') log.debug({ err: error }, 'where it failed')
    }
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
    return sendProblem(reply, status, detail)
  })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404, `no such resource; ${index} lists what there is`))
}

/** Requests that the router cannot take (bad escapes, over-long parts): fastify's `frameworkErrors`. */
export function answerBadUrl (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  void sendProblem(reply, error.statusCode ?? 400, error.code === 'FST_ERR_BAD_URL' ? 'the path holds a bad percent-escape' : 'a part of the path is too long')
}

/** Connections on which no HTTP request could be read: fastify's `clientErrorHandler`. */
export function answerBadRequest (error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  const body = JSON.stringify({ detail: status === 400 ? 'this is not an HTTP request' : STATUS_CODES[status]!.toLowerCase() })
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
}

function problemOf (error: FastifyError | AlertStreamError): Problem {
  if (error instanceof AlertStreamError) {
    if (error.code === 'OBJECT_CORRUPT') return { status: 500, detail: `the stored object is damaged (${error.code})` }
    return { status: 503, detail: `the archive is not available (${error.code})`, retryAfter: retryAfterSeconds }
  }
  if (isOverload(error)) return { status: 503, detail: 'the server is overloaded: try again later' }
  const status = error.statusCode ?? 500
  return status >= 400 && status < 500 ? { status, detail: error.message } : { status: 500, detail: 'internal error' }
}

function isOverload (error: FastifyError | AlertStreamError): boolean {
  return error.code === 'FST_UNDER_PRESSURE'
}
