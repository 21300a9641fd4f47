// The admin port of a long-running mode: /livez (the process and its event loop), /readyz (each thing that the mode needs, by name),
// /metrics (Prometheus text) and /status (JSON: state, graph, every node's counts, the mode's own figures). Open only where a port is given.
import Fastify from 'fastify'
import { readOnly } from '../api/read-only-routes.ts'
import { sendProblem } from '../api/problems.ts'
import { exposition, family, graphFamilies, stateFamily } from '../metrics/index.ts'
import { healthOf } from './readiness.ts'
import type { AdminServer, Status } from './status.ts'
import { defineErrors, formatError, type Logger } from '../pipeline/index.ts'
import { version } from '../config/version.ts'

const adminErrors = defineErrors({
  ADMIN_PORT_BUSY: { hint: 'Choose another --admin-port, or 0 for a free one.' },
  ADMIN_LISTEN_FAILED: { hint: 'Check --admin-host and --admin-port: the address must be one of this machine, and ports below 1024 need a right of their own.' }
})

const paths = {
  '/livez': 'OK while the process answers, whatever becomes of its servers',
  '/readyz': 'whether the mode can do its work, and each thing that it needs for that; 503 where one is missing',
  '/metrics': 'figures in Prometheus text format',
  '/status': 'state, graph and counts as JSON'
}

/** Errors: ADMIN_PORT_BUSY, ADMIN_LISTEN_FAILED. */
export async function startAdmin (status: Status, port: number, host: string, log: Logger): Promise<AdminServer> {
  const { run, description } = status
  const state = status.state ?? (() => run?.state ?? 'running')
  const health = healthOf(state, status.checks)
  const metrics = exposition([
    family('alert_stream_info', () => [{ labels: { mode: description.graph, version: version() }, value: 1 }]),
    stateFamily(state),
    ...run === undefined ? [] : graphFamilies(run),
    ...status.metrics ?? []
  ])

  const app = Fastify({ logger: false, forceCloseConnections: true, exposeHeadRoutes: false, routerOptions: { ignoreTrailingSlash: true } })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404, 'no such resource; / lists what there is'))
  app.setErrorHandler((error, request, reply) => {
    log.error({ url: request.url, error: formatError(error) }, 'a request of the admin port failed')
    return sendProblem(reply, 500, 'internal error; the log has it')
  })
  app.addHook('onSend', async (_request, reply) => { reply.header('cache-control', 'no-store') })
  readOnly(app, '/', async (_request, reply) => reply.send({ service: `alert-stream ${description.graph}`, endpoints: paths }))
  readOnly(app, '/livez', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('OK\n'))
  readOnly(app, '/readyz', async (_request, reply) => {
    const answer = await health()
    return reply.code(answer.ready ? 200 : 503).send(answer)
  })
  readOnly(app, '/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()))
  readOnly(app, '/status', async (_request, reply) =>
    reply.send({ state: state(), graph: description, nodes: run?.meters() ?? [], stats: await status.stats?.() ?? {} }))
  try {
    await app.listen({ port, host })
  } catch (cause) {
    await app.close()
    const where = `${host}:${port}`
    if ((cause as { code?: unknown }).code === 'EADDRINUSE') throw adminErrors.ADMIN_PORT_BUSY('the admin port is in use', { where, cause })
    throw adminErrors.ADMIN_LISTEN_FAILED('the admin port cannot be opened', { where, cause })
  }
  const address = app.server.address()
  const open = typeof address === 'object' && address !== null ? address.port : port
  log.info({ port: open }, 'admin port is open')
  return { port: open, close: async () => { await app.close() } }
}
