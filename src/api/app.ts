// Builds the HTTP server of the archive without starting it. `build` neither opens nor closes the archive. Guarantees: alerts and schemas
// are served unchanged; every error response is `{"detail": "..."}`, except on the routes of Herald and of the registry; under overload,
// health check and index are still served; `close()` lets requests in flight finish, rejects new connections and closes idle ones.
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import { silent, type Logger } from '../pipeline/log.ts'
import { rubinIds, type PackedIdFormat } from '../ids/packed-id.ts'
import type { SchemaPackage } from '../avro/schema-package.ts'
import { version } from '../config/version.ts'
import type { Search } from '../search/open-search.ts'
import type { Archive, ArchiveReader } from '../stores/archive.ts'
import { AlertForms } from './alert-forms.ts'
import { AlertReader, type ReaderLimits } from './alert-reader.ts'
import { AlertSchemas } from './alert-schemas.ts'
import type { Compat } from './compat.ts'
import { boundConnections, shedConnections } from './connections.ts'
import { apiErrors } from './errors.ts'
import { HeldBodies } from './held-bodies.ts'
import { shedLoad, type PressureLimits } from './load-shedding.ts'
import { handleBadRequest, handleBadUrl, handleErrors } from './problems.ts'
import { collectStats } from './request-stats.ts'
import { alertsRoute } from './routes/alerts.ts'
import { batchRoute } from './routes/batch.ts'
import { cutoutsRoute } from './routes/cutouts.ts'
import { healthRoute } from './routes/health.ts'
import { heraldRoutes } from './routes/herald.ts'
import { indexRoute } from './routes/index-page.ts'
import { lightCurveRoute } from './routes/light-curve.ts'
import { nightsRoute } from './routes/nights.ts'
import { objectsRoute } from './routes/objects.ts'
import { openapiRoutes } from './routes/openapi.ts'
import { registryRoutes } from './routes/registry.ts'
import { schemasRoute } from './routes/schemas.ts'
import { searchRoute, type SearchLimits } from './routes/search.ts'
import { SchemaCache } from './schema-cache.ts'
import { schemaIds } from './schema-ids.ts'
import { cutSlowReaders } from './slow-readers.ts'
import { ajvOptions, explainInvalid } from './validation.ts'
import { visitListing } from './visit-listing.ts'

export interface ApiOptions {
  readonly archive: ArchiveReader & Pick<Archive, 'alerts' | 'schemas'>
  /** Opens the search at its first use. Resolves to undefined if the server has no index. Default: no index. */
  readonly search?: () => Promise<Search | undefined>
  /** Packing of alert ids, by which visits are listed without an index. Default: Rubin's. */
  readonly packedIds?: PackedIdFormat
  /** The survey's schema package, whose docs describe fields if the archived schemas have none. Default: none. */
  readonly schemaPackage?: () => Promise<SchemaPackage | undefined>
  readonly log?: Logger
  /** How alerts are sent. Default 'dmtn-210'. */
  readonly compat?: Compat
  /** Subject of the archived schemas in the registry routes. Default 'alert-packet'. */
  readonly subject?: string
  /** Prefix of every path, such as '/alertdb'. Default ''. */
  readonly pathPrefix?: string
  /** Limits for load shedding. `false` disables load shedding. */
  readonly pressure?: PressureLimits | false
  readonly limits?: Partial<ApiLimits>
  /** How long a result of the health check is reused, in milliseconds. Default 1000. */
  readonly healthCacheMs?: number
}

interface ApiLimits extends ReaderLimits, SearchLimits {
  /** Maximum number of ids in a batch, and of alerts of an object. */
  readonly batch: number
  /** Batches that are sent at the same time, and objects that are read at the same time. */
  readonly batches: number
  /** Connections above which requests are shed and connections are closed. Default 1000. */
  readonly connections: number
  /** Time after which a client that reads nothing is cut off, in milliseconds. Default 30,000. */
  readonly stallMs: number
}

const defaultLimits: ApiLimits = {
  bufferBytes: 128 * 1024 * 1024, cacheBytes: 0, reads: 64, waitingReads: 512, connections: 1000, stallMs: 30_000,
  page: 10_000, radius: 1, batch: 10_000, batches: 2
}
const cachedSchemas = 256

/** Throws API_PREFIX_INVALID if `pathPrefix` is not a path. The app is ready after `listen`, `app.ready()` or `app.inject()`. */
export function build (options: ApiOptions): FastifyInstance {
  const { archive, log = silent, compat = 'dmtn-210', pressure = {}, healthCacheMs = 1000 } = options
  const { search = async () => undefined, packedIds = rubinIds, subject = 'alert-packet' } = options
  const { schemaPackage = async () => undefined } = options
  const limits = { ...defaultLimits, ...options.limits }
  const prefix = normalPrefix(options.pathPrefix ?? '')
  const app: FastifyInstance = fastify({
    logger: false,
    // While the server closes, it still serves requests on open connections. closeGracefully ends each connection after its response.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    bodyLimit: 1024,
    requestTimeout: 30_000,
    // Closes a connection on which nothing moves, such as one whose client sends many requests and reads no response.
    connectionTimeout: 120_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 5000 },
    ajv: ajvOptions,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    frameworkErrors: handleBadUrl,
    clientErrorHandler: handleBadRequest
  })

  collectStats(app, prefix, log)
  explainInvalid(app)
  handleErrors(app, log, `${prefix}/v1`)
  closeGracefully(app)
  boundConnections(app, limits.connections)

  const schemas = new SchemaCache(archive, cachedSchemas)
  app.stats.schemas = schemas.lookups
  const alerts = new AlertReader(archive, limits)
  app.stats.buffers = alerts
  const bodies = new HeldBodies('forms of alerts', limits.bufferBytes)
  const ids = schemaIds(archive.schemas)
  const alertSchemas = new AlertSchemas(schemas, ids, schemaPackage)
  const forms = new AlertForms(alerts, alertSchemas, bodies)
  app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'alert-stream archive', version: version() } } })
  app.register(async root => {
    await root.register(indexRoute, { compat })
    await root.register(healthRoute, { archive, log, healthCacheMs })
    await root.register(async shed => {
      if (pressure !== false) await shedLoad(shed, pressure)
      shedConnections(shed, limits.connections)
      cutSlowReaders(shed, limits.stallMs)
      await shed.register(alertsRoute, { alerts, forms, compat })
      await shed.register(cutoutsRoute, { forms })
      await shed.register(lightCurveRoute, { forms })
      await shed.register(heraldRoutes, { forms, publicPrefix: prefix })
      const listVisit = visitListing(archive.alerts, packedIds)
      await shed.register(searchRoute, { search, listVisit, limits, bufferBytes: limits.bufferBytes })
      await shed.register(nightsRoute, { search })
      await shed.register(objectsRoute, {
        search, archive, schemas: alertSchemas, bodies, maxAlerts: limits.batch, objects: limits.batches
      })
      await shed.register(batchRoute, { archive, maxIds: limits.batch, batches: limits.batches, stallMs: limits.stallMs })
      await shed.register(schemasRoute, { schemas })
      await shed.register(registryRoutes, { schemas, ids, subject })
    })
    await root.register(openapiRoutes)
  }, { prefix })
  return app
}

// Node closes only connections that are idle when close() begins. Without this function, busy ones would stay open and delay close().
function closeGracefully (app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', async () => { closing = true })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing) reply.header('connection', 'close')
    done()
  })
}

function normalPrefix (text: string): string {
  const prefix = `/${text}`.replace(/\/+/g, '/').replace(/\/$/, '')
  if (!/^(\/[A-Za-z0-9._~-]+)*$/.test(prefix)) throw apiErrors.API_PREFIX_INVALID(`${JSON.stringify(text)} is not a valid path prefix`)
  return prefix
}
