// The archive's HTTP server, built apart from listening: `build` wires routes to an archive that it is given and neither opens nor closes.
// Guarantees: bytes are served exactly as archived; every error is `{"detail"}`; overload is shed except for health; `close()` lets requests
// in flight finish, refuses new connections and closes idle ones.
import fastify, { type FastifyInstance } from 'fastify'
import { silent, type Logger } from '../pipeline/log.ts'
import { type ArchiveReader } from '../stores/archive.ts'
import { countRequests } from './counts.ts'
import { apiErrors } from './errors.ts'
import { shedLoad, type PressureLimits } from './pressure.ts'
import { answerBadRequest, answerBadUrl, answerProblems } from './problems.ts'
import { alertsRoute } from './routes/alerts.ts'
import { healthRoute } from './routes/health.ts'
import { indexRoute } from './routes/index-page.ts'
import { schemasRoute } from './routes/schemas.ts'
import { SchemaCache } from './schema-cache.ts'

export interface ApiOptions {
  readonly archive: ArchiveReader
  readonly log?: Logger
  /** Put before every path: '' or '/alertdb'. */
  readonly pathPrefix?: string
  /** Load shedding; false switches it off. */
  readonly pressure?: PressureLimits | false
  /** Schemas kept in memory. Default 256. */
  readonly schemaCacheSize?: number
  /** How long an answer of the health check holds, milliseconds. Default 1000. */
  readonly healthCacheMs?: number
}

/** Throws API_PREFIX_INVALID. The app is ready after `listen`, `app.ready()` or `app.inject()`. */
export function build (options: ApiOptions): FastifyInstance {
  const { archive, log = silent, pressure = {}, schemaCacheSize = 256, healthCacheMs = 1000 } = options
  const prefix = normalPrefix(options.pathPrefix ?? '')
  const app: FastifyInstance = fastify({
    logger: false,
    // A request that is on an open connection already is served; `Connection: close` below ends the connection after it.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    bodyLimit: 1024,
    requestTimeout: 30_000,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    frameworkErrors: answerBadUrl,
    clientErrorHandler: answerBadRequest
  })

  countRequests(app, prefix)
  answerProblems(app, log, `${prefix}/v1`)
  closeGracefully(app)
  app.addHook('onResponse', async (request, reply) => {
    log.debug({ method: request.method, url: request.url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, 'request')
  })

  const schemas = new SchemaCache(archive, schemaCacheSize)
  app.counts.schemas = schemas.lookups
  app.register(async root => {
    await root.register(indexRoute)
    await root.register(healthRoute, { archive, log, healthCacheMs })
    await root.register(async shed => {
      if (pressure !== false) await shedLoad(shed, pressure)
      await shed.register(alertsRoute, { archive })
      await shed.register(schemasRoute, { schemas })
    })
  }, { prefix })
  return app
}

// Node closes the connections that are idle when close() begins; those busy then would stay open for keep-alive and hold close() up.
function closeGracefully (app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', async () => { closing = true })
  app.addHook('onSend', async (_request, reply, payload) => {
    if (closing) reply.header('connection', 'close')
    return payload
  })
}

function normalPrefix (text: string): string {
  const prefix = `/${text}`.replace(/\/+/g, '/').replace(/\/$/, '')
  if (!/^(\/[A-Za-z0-9._~-]+)*$/.test(prefix)) throw apiErrors.API_PREFIX_INVALID(`${JSON.stringify(text)} is not a path prefix`)
  return prefix
}
