// GET /v1/health: `OK` when the archive can be read, else 503 with the reason. The archive is asked at most once a second, however many
// probes come, and an archive that does not answer within five seconds counts as gone.
import { type FastifyInstance } from 'fastify'
import { errorCode, formatError } from '../../pipeline/errors.ts'
import { type Logger } from '../../pipeline/log.ts'
import { type ArchiveReader } from '../../stores/archive.ts'
import { readOnly } from '../methods.ts'
import { retryAfterSeconds, sendProblem } from '../problems.ts'

export interface HealthOptions {
  readonly archive: Pick<ArchiveReader, 'check'>
  readonly log: Logger
  /** How long an answer of the archive holds. */
  readonly healthCacheMs: number
}

const patienceMs = 5000

export async function healthRoute (app: FastifyInstance, { archive, log, healthCacheMs }: HealthOptions): Promise<void> {
  let asked = -Infinity
  let answer: Promise<string | undefined> = Promise.resolve(undefined)
  let healthy = true

  async function ask (): Promise<string | undefined> {
    let problem: string | undefined
    try {
      await withPatience(archive.check())
    } catch (error) {
      const code = errorCode(error)
      problem = `the archive cannot be read (${code})`
      if (healthy) log.error({ code, error: formatError(error) }, 'the archive cannot be read')
    }
    if (problem === undefined && !healthy) log.info({}, 'the archive can be read again')
    healthy = problem === undefined
    return problem
  }

  readOnly(app, '/v1/health', async (_request, reply) => {
    const now = performance.now()
    if (now - asked >= healthCacheMs) {
      asked = now
      answer = ask()
    }
    const problem = await answer
    if (problem !== undefined) return sendProblem(reply.header('retry-after', retryAfterSeconds), 503, problem)
    return reply.headers({ 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8', 'content-length': 2 }).send('OK')
  })
}

function withPatience (check: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error(`no answer within ${patienceMs} ms`)) }, patienceMs)
    check.then(resolve, reject).finally(() => { clearTimeout(timer) })
  })
}
