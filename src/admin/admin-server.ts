// The admin port of a long-running mode: /livez (process and event loop), /readyz (each dependency by name), /metrics (Prometheus text) and
// /status (JSON: state, graph, stats of every node, stats of the mode). The port is open only if --admin-port is set.
import Fastify from 'fastify'
import { readOnly } from '../api/read-only-routes.ts'
import { sendProblem } from '../api/problems.ts'
import { exposition } from '../metrics/exposition.ts'
import { family, graphFamilies, stateFamily } from '../metrics/index.ts'
import { healthOf } from './readiness.ts'
import type { AdminServer, Status } from './status.ts'
import { defineErrors, formatError, systemErrorCode, type Logger } from '../pipeline/index.ts'
import { version } from '../config/version.ts'

const adminErrors = defineErrors({
  ADMIN_PORT_BUSY: { hint: 'Choose another --admin-port, or 0 for a free one.' },
  ADMIN_LISTEN_FAILED: {
    hint: 'Check --admin-host and --admin-port: the address must belong to this host, and ports below 1024 may need privileges.'
  }
})

/** The paths of the admin port, and what each answers. */
export const adminEndpoints = {
  '/livez': 'liveness: OK while the process responds, independent of brokers, registry and stores',
  '/readyz': 'readiness, and the state of each dependency; 503 if the mode is not ready',
  '/metrics': 'metrics in Prometheus text format',
  '/status': 'state, graph and stats as JSON'
}

/** Starts the server on the admin port. Rejects with ADMIN_PORT_BUSY or ADMIN_LISTEN_FAILED. */
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
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404, 'resource not found; / lists all endpoints'))
  app.setErrorHandler((error, request, reply) => {
    log.error({ url: request.url, error: formatError(error) }, 'admin request failed')
    return sendProblem(reply, 500, 'internal error; see the log')
  })
  app.addHook('onSend', async (_request, reply) => { reply.header('cache-control', 'no-store') })
  readOnly(app, '/', async (_request, reply) => reply.send({ service: `alert-stream ${description.graph}`, endpoints: adminEndpoints }))
  readOnly(app, '/livez', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('OK\n'))
  readOnly(app, '/readyz', async (_request, reply) => {
    const report = await health()
    return reply.code(report.ready ? 200 : 503).send(report)
  })
  readOnly(app, '/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()))
  readOnly(app, '/status', async (_request, reply) =>
    reply.send({ state: state(), graph: description, nodes: run?.meters() ?? [], stats: await status.stats?.() ?? {} }))
  try {
    await app.listen({ port, host })
  } catch (cause) {
    await app.close()
    const where = `${host}:${port}`
    if (systemErrorCode(cause) === 'EADDRINUSE') throw adminErrors.ADMIN_PORT_BUSY('the admin port is already in use', { where, cause })
    throw adminErrors.ADMIN_LISTEN_FAILED('cannot open the admin port', { where, cause })
  }
  const address = app.server.address()
  const boundPort = typeof address === 'object' && address !== null ? address.port : port
  log.info({ port: boundPort }, 'admin port is open')
  return { port: boundPort, close: async () => { await app.close() } }
}
