// Error responses. The body is `{"detail": "..."}`, as in the survey's own server, or text on Herald's routes. If the archive fails, the
// status is 503 with Retry-After, because the same request may succeed later. If the stored object is damaged or too large, the status is
// 500. Requests that are shed under overload get 503; they are counted, and logged at most every 30 seconds.
// The detail has a stable error code, but no path or URL of the archive. The log has the full error.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { AlertStreamError, errorCode, formatError, sentences } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'

export const retryAfterSeconds = 5

interface Problem {
  readonly status: number
  readonly detail: string
  readonly retryAfter?: number
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Error responses of the route are text/plain, as DALI requires, and not JSON. */
    textProblems?: boolean
  }
}

/**
 * Sends a status and `{"detail": "..."}`, or the detail alone on routes with `textProblems`. Errors are not cacheable, because a missing
 * alert may be archived a second later.
 */
export function sendProblem (reply: FastifyReply, status: number, detail: string): FastifyReply {
  const isText = reply.routeOptions.config.textProblems === true
  const body = isText ? detail : JSON.stringify({ detail })
  return reply.code(status).headers({
    'cache-control': 'no-store',
    'content-type': `${isText ? 'text/plain' : 'application/json'}; charset=utf-8`,
    'content-length': Buffer.byteLength(body)
  }).send(body)
}

/** Why requests are shed, by the code of their error. The reasons are labels of a metric. */
const overloads = new Map([
  ['FST_UNDER_PRESSURE', 'pressure'],
  ['API_QUEUE_FULL', 'queue'],
  ['API_BUFFERS_FULL', 'buffers'],
  ['API_TOO_MANY_CONNECTIONS', 'connections'],
  ['API_CLIENT_GONE', 'client-gone']
])

/** Stored objects that cannot be served, by the code of their error. */
const unusableObjects = new Map([['OBJECT_CORRUPT', 'damaged'], ['OBJECT_TOO_LARGE', 'too large']])

/** Responses to searches, batches and requests for forms that fail, by the code of their error. The detail is the message of the error. */
const failedRequests = new Map<string, { readonly status: number, readonly retryAfter?: number }>([
  ['SEARCH_UNAVAILABLE', { status: 501 }],
  ['SEARCH_BUSY', { status: 429, retryAfter: 1 }],
  ['SEARCH_TIMEOUT', { status: 503, retryAfter: retryAfterSeconds }],
  ['SEARCH_TOO_BROAD', { status: 400 }],
  ['SEARCH_MEMORY', { status: 400 }],
  // The client is gone, so nobody reads this response.
  ['SEARCH_STOPPED', { status: 408 }],
  ['SEGMENT_GONE', { status: 410 }],
  ['SEGMENT_DAMAGED', { status: 500 }],
  ['ALERT_NOT_CANONICAL', { status: 406 }],
  ['ALERT_UNRESOLVABLE', { status: 422 }],
  ['SCHEMA_VERSION_MISSING', { status: 404 }],
  ['LIGHT_CURVE_TOO_LARGE', { status: 400 }],
  ['CUTOUT_MISSING', { status: 404 }],
  ['CUTOUT_DAMAGED', { status: 422 }],
  ['CUTOUT_NO_WCS', { status: 422 }],
  ['FITS_INVALID', { status: 422 }],
  // The archive has the alert, but not as a datum of an archived schema.
  ['ALERT_SCHEMA_MISSING', { status: 500 }],
  ['SCHEMA_INVALID', { status: 500 }],
  ['DATUM_INVALID', { status: 500 }],
  ['FRAME_EMPTY', { status: 500 }],
  ['FRAME_TOO_SHORT', { status: 500 }],
  ['FRAME_BAD_MAGIC', { status: 500 }]
])

/** Zero for each reason, so that the metrics have samples before the first such request. */
export const noneShed = (): Record<string, number> => zeros(overloads.values())
export const noneUnusable = (): Record<string, number> => zeros(unusableObjects.values())

function zeros (reasons: Iterable<string>): Record<string, number> {
  return Object.fromEntries([...reasons].map(reason => [reason, 0]))
}

/** Time between two log lines about shed requests, in ms. */
const shedLogMs = 30_000

/** Sets the error and not-found handlers of the server. `index`: path of the page that lists the endpoints. */
export function handleErrors (app: FastifyInstance, log: Logger, index: string): void {
  let shedLogged = -Infinity
  function countShed (reason: string, error: Error): void {
    const { shed } = app.stats
    shed[reason]!++
    if (performance.now() - shedLogged < shedLogMs) return
    shedLogged = performance.now()
    log.warn({ reason, error: error.message, shed: { ...shed } }, 'shedding requests')
  }

  app.setErrorHandler((error: FastifyError | AlertStreamError, request, reply) => {
    // The handler may have set these headers for a successful response before it failed.
    for (const name of ['etag', 'content-encoding', 'content-length', 'content-disposition']) reply.removeHeader(name)
    const { status, detail, retryAfter } = problemOf(error)
    const overload = overloads.get(error.code)
    if (overload !== undefined) countShed(overload, error)
    const unusable = unusableObjects.get(error.code)
    if (unusable !== undefined) app.stats.unusableObjects[unusable]!++
    if (status >= 500 && overload === undefined) {
      const code = errorCode(error)
      log.error({ code, method: request.method, url: request.url, error: formatError(error) }, 'request failed')
      if (code === 'UNEXPECTED') log.debug({ err: error }, 'stack trace of the failed request')
    }
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
    return sendProblem(reply, status, detail)
  })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404, `no such resource; see ${index} for a list of endpoints`))
}

/** Responds to requests that the router rejects (invalid escapes, long path segments). Fastify option `frameworkErrors`. */
export function handleBadUrl (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const detail = error.code === 'FST_ERR_BAD_URL' ? 'the path contains an invalid percent-escape' : 'a path segment is too long'
  void sendProblem(reply, error.statusCode ?? 400, detail)
}

/** Responds to bytes that are not a valid HTTP request, and to requests that arrive too slowly. Fastify option `clientErrorHandler`. */
export function handleBadRequest (error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  const body = JSON.stringify({ detail: status === 400 ? 'not a valid HTTP request' : STATUS_CODES[status]!.toLowerCase() })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${body.length}`,
    'Connection: close'
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function problemOf (error: FastifyError | AlertStreamError): Problem {
  if (overloads.has(error.code)) return { status: 503, detail: 'the server is overloaded; try again later', retryAfter: retryAfterSeconds }
  if (error instanceof AlertStreamError) {
    const failed = failedRequests.get(error.code)
    if (failed !== undefined) return { ...failed, detail: `${sentences(error.message, error.hint)} (${error.code})` }
    const unusable = unusableObjects.get(error.code)
    if (unusable !== undefined) return { status: 500, detail: `the stored object is ${unusable} (${error.code})` }
    return { status: 503, detail: `the archive is not available (${error.code})`, retryAfter: retryAfterSeconds }
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return { status: 413, detail: 'the request body is too large' }
  const status = error.statusCode ?? 500
  return status >= 400 && status < 500 ? { status, detail: error.message } : { status: 500, detail: 'internal error' }
}
