// GET /v1/health: 200 `OK` if the archive is readable, else 503 with the error code. Concurrent and frequent probes share one check per
// second. A check that has no result after five seconds counts as failed.
import type { FastifyInstance } from 'fastify'
import { errorCode, formatError } from '../../pipeline/errors.ts'
import type { Logger } from '../../pipeline/log.ts'
import type { ArchiveReader } from '../../stores/archive.ts'
import { sendProblem, retryAfterSeconds } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import { problems, response } from '../response-schemas.ts'

interface HealthOptions {
  readonly archive: Pick<ArchiveReader, 'check'>
  readonly log: Logger
  /** How long the result of a check is reused, in milliseconds. */
  readonly healthCacheMs: number
}

const timeoutMs = 5000

const schema = {
  operationId: 'getHealth',
  summary: 'Whether the archive is readable',
  response: { 200: response('OK', 'text/plain', { type: 'string', const: 'OK' }), ...problems(503) }
}

export async function healthRoute (app: FastifyInstance, { archive, log, healthCacheMs }: HealthOptions): Promise<void> {
  let checkedAt = -Infinity
  let result: Promise<string | undefined> = Promise.resolve(undefined)
  let healthy = true

  // Resolves to the problem, or to undefined if the archive is readable. Logs only changes of the result.
  async function check (): Promise<string | undefined> {
    let problem: string | undefined
    try {
      await withTimeout(archive.check())
    } catch (error) {
      const code = errorCode(error)
      problem = `the archive is not readable (${code})`
      if (healthy) log.error({ code, error: formatError(error) }, 'archive not readable')
    }
    if (problem === undefined && !healthy) log.info({}, 'archive readable again')
    healthy = problem === undefined
    return problem
  }

  readOnly(app, '/v1/health', async (_request, reply) => {
    const now = performance.now()
    if (now - checkedAt >= healthCacheMs) {
      checkedAt = now
      result = check()
    }
    const problem = await result
    if (problem !== undefined) return sendProblem(reply.header('retry-after', retryAfterSeconds), 503, problem)
    return reply.headers({ 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8', 'content-length': 2 }).send('OK')
  }, schema)
}

function withTimeout (check: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error(`no response within ${timeoutMs} ms`)) }, timeoutMs)
    check.then(resolve, reject).finally(() => { clearTimeout(timer) })
  })
}
