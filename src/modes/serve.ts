// serve: serves the archive over HTTP. This mode runs no pipeline graph, so `graph serve` shows the stores and the routes.
import { setTimeout as sleep } from 'node:timers/promises'
import { storeChecks } from '../admin/readiness-checks.ts'
import type { AdminServer } from '../admin/status.ts'
import { build } from '../api/app.ts'
import { compats } from '../api/compat.ts'
import { httpFamilies } from '../api/http-metrics.ts'
import { closeWithin, listen } from '../api/listen.ts'
import type { ApiStats } from '../api/request-stats.ts'
import { adminFlags, schemaPackageFlags, storeFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { packedIdFormat } from '../ids/packed-id.ts'
import { storeFamily } from '../metrics/store-metrics.ts'
import { AlertStreamError, formatError, type GraphDescription, type Logger } from '../pipeline/index.ts'
import { mode } from '../program/mode.ts'
import { describedSearch, searchFlags, searchOf } from '../program/search-from-flags.ts'
import { publishedSchemasOf } from '../program/schema-package-from-flags.ts'
import { archiveOf, describedStoreUrls } from '../program/stores-from-flags.ts'
import { searchFamilies } from '../search/search-metrics.ts'
import { StoreStats, type Archive } from '../stores/index.ts'

const serveFlags = flags({
  'listen-host': { type: 'text', default: '127.0.0.1', description: 'Address to listen on.' },
  'listen-port': { type: 'integer', min: 0, max: 65535, default: 3000, description: 'Port to listen on. 0 selects a free port.' },
  'path-prefix': {
    type: 'text', default: '', placeholder: 'PATH', example: '/alertdb',
    description: 'Path prefix before /v1, if an ingress forwards requests with one.'
  },
  compat: {
    type: 'choice', choices: compats, default: 'dmtn-210',
    description: 'Form of alerts: dmtn-210 (as in Kafka; gzip as Content-Encoding if the client accepts it) or upstream (the stored gzip ' +
      'without Content-Encoding, for clients of alert_database_server, which decompress the body themselves).'
  },
  subject: {
    type: 'text', default: 'alert-packet',
    description: 'Subject under which the routes of a schema registry (/subjects, /schemas/ids) list the archived schemas.'
  },
  'max-event-loop-delay': {
    type: 'integer', min: 0, default: 500,
    description: 'Event-loop delay in milliseconds above which requests get 503 (load shedding). 0 disables it.'
  },
  'max-connections': {
    type: 'integer', min: 1, default: 1000,
    description: 'Number of open connections above which requests get 503 and their connections are closed. ' +
      'Above twice this number, new connections are refused.'
  },
  'response-buffer-mib': {
    type: 'integer', min: 1, default: 128,
    description: 'Memory for the alerts in responses, in MiB. Requests that would exceed it get 503.'
  },
  'cache-mib': {
    type: 'integer', min: 0, max: 65_536, default: 64,
    description: 'Memory for recently served alerts, in MiB, apart from --response-buffer-mib. 0 disables the cache, so that every ' +
      'response reads the alert store.'
  },
  'max-record-mib': {
    type: 'integer', min: 1, max: 1024, default: 32,
    description: 'Maximum size of a decompressed alert, in MiB. Requests for larger objects get 500.'
  },
  'schema-package': {
    ...schemaPackageFlags['schema-package'],
    description: 'Alert schemas whose docs describe fields in FITS files, if the archived schemas have no docs: a folder ' +
      'MAJOR/MINOR/*.avsc. Default: the package lsst-alert-packet, if another mode has downloaded it.'
  },
  ...searchFlags,
  ...storeFlags,
  // The timeout is shorter than in ingest, because a read makes up to three attempts while the client waits.
  'store-timeout': { ...storeFlags['store-timeout'], default: 5 },
  ...adminFlags
})
type Config = ConfigOf<typeof serveFlags>

const mib = 1024 * 1024

/** Time limit of the store check at start, in ms. A store that does not respond in time counts as temporarily unreachable. */
const startCheckMs = 5000

/** Base path of the API, with the slashes of the prefix normalized. */
function prefixOf ({ pathPrefix }: Config): string {
  return `/${pathPrefix}/v1`.replace(/\/+/g, '/')
}

const gunzipDetail: Readonly<Record<Config['compat'], string>> = {
  'dmtn-210': 'unless the client accepts gzip', upstream: 'only to verify: the stored gzip is sent'
}

function describe (config: Config): GraphDescription {
  const prefix = prefixOf(config)
  const urls = describedStoreUrls(config)
  const { nodes, edges } = describedSearch(config, prefix)
  return {
    graph: 'serve',
    nodes: [
      ...nodes,
      { name: 'alert-store', type: 'source', kind: 'object store', detail: urls.alerts, limits: {} },
      { name: 'schema-store', type: 'source', kind: 'object store', detail: urls.schemas, limits: {} },
      { name: 'gunzip', type: 'step', kind: 'map', detail: gunzipDetail[config.compat], limits: {} },
      { name: 'alert-cache', type: 'step', kind: 'cache', limits: { bytes: config.cacheMib * mib } },
      { name: 'schema-cache', type: 'step', kind: 'cache', limits: {} },
      { name: 'alerts', type: 'sink', kind: 'http', detail: `GET ${prefix}/alerts/{id}`, limits: {} },
      { name: 'cutouts', type: 'sink', kind: 'http', detail: `GET ${prefix}/alerts/{id}/cutouts/{cutout}`, limits: {} },
      { name: 'light-curve', type: 'sink', kind: 'http', detail: `GET ${prefix}/alerts/{id}/lightcurve`, limits: {} },
      { name: 'herald', type: 'sink', kind: 'http', detail: 'GET /api/alerts, /api/alerts/cutouts, /schema, /links', limits: {} },
      { name: 'batch', type: 'sink', kind: 'http', detail: `POST ${prefix}/alerts/batch`, limits: { records: config.maxBatchIds } },
      { name: 'schemas', type: 'sink', kind: 'http', detail: `GET ${prefix}/schemas/{id}`, limits: {} },
      { name: 'registry', type: 'sink', kind: 'http', detail: 'GET /subjects, /schemas/ids', limits: {} },
      { name: 'health', type: 'sink', kind: 'http', detail: `GET ${prefix}/health`, limits: {} }
    ],
    edges: [
      ...edges, { from: 'alert-store', to: 'batch', type: 'data' },
      { from: 'alert-store', to: 'gunzip', type: 'data' }, { from: 'gunzip', to: 'alert-cache', type: 'data' },
      { from: 'alert-cache', to: 'alerts', type: 'data' },
      ...['cutouts', 'light-curve', 'herald'].map(to => ({ from: 'alert-cache', to, type: 'data' } as const)),
      ...['alerts', 'cutouts', 'light-curve', 'herald'].map(to => ({ from: 'schema-cache', to, type: 'data' } as const)),
      { from: 'schema-store', to: 'schema-cache', type: 'data' }, { from: 'schema-cache', to: 'schemas', type: 'data' },
      { from: 'schema-cache', to: 'registry', type: 'data' },
      { from: 'alert-store', to: 'health', type: 'data' }, { from: 'schema-store', to: 'health', type: 'data' }
    ]
  }
}

export default mode({
  mode: 'serve',
  about: 'GET /v1/alerts/{id} returns the message as it was in Kafka (framed Avro), as the stored gzip if the client accepts gzip. ' +
    'With --compat upstream it returns the stored gzip without Content-Encoding. ' +
    'With ?format= or Accept it returns the alert as Avro container file, JSON or FITS, and /v1/alerts/{id}/cutouts/{cutout} and ' +
    '/v1/alerts/{id}/lightcurve return its parts. ' +
    '/v1/schemas/{id} returns the Avro schema, and /v1/health returns OK while the stores respond. ' +
    '/api/alerts with /cutouts, /schema and /links has the interface of Herald. ' +
    '/subjects and /schemas/ids are the read-only routes of a Confluent schema registry. ' +
    '/v1/alerts finds alerts by visit, night, object, time or position in the index of --index-store, and /v1/nights lists the nights ' +
    'and their manifests. /v1/objects/{id} and /v1/ssobjects/{id} merge the alerts of an object. /v1/docs describes the API. ' +
    'If a store does not exist, the server does not start. If a store is temporarily unreachable, it starts and /readyz reports the store.',
  examples: ['alert-stream serve --alert-store file:///var/alerts', 'curl localhost:3000/v1/schemas/1'],
  flags: serveFlags,
  describe,
  async run (config, _positionals, host) {
    const schemaPackage = await publishedSchemasOf(config, host)
    const stores = new StoreStats()
    const archive = await archiveOf(config, 'read', host, stores)
    const { pathPrefix, compat, subject, maxEventLoopDelay: maxEventLoopDelayMs, maxConnections: connections } = config
    const { responseBufferMib, cacheMib } = config
    const search = searchOf(config, archive, host, stores)
    const { searchPageSize: page, searchRadius: radius, maxBatchIds: batch } = config
    const limits = { connections, bufferBytes: responseBufferMib * mib, cacheBytes: cacheMib * mib, page, radius, batch }
    const packedIds = packedIdFormat(config.packedIdBits, config.packedIdTags)
    const app = build({
      archive, search: search.open, packedIds, schemaPackage, log: host.log, compat, subject, pathPrefix, limits,
      pressure: { maxEventLoopDelayMs }
    })
    let admin: AdminServer | undefined
    try {
      await checkStores(archive, host.log)
      const url = await listen(app, { host: config.listenHost, port: config.listenPort }) + prefixOf(config)
      host.log.info({ url, alerts: archive.alerts.url, schemas: archive.schemas.url, layout: config.layout }, 'serving')
      await host.print(`serving ${url}\n`)
      admin = await host.expose({
        description: describe(config),
        state: () => host.stop.aborted ? 'draining' : 'running',
        checks: storeChecks(archive),
        metrics: [...httpFamilies(app.stats), ...searchFamilies(search), storeFamily(stores)],
        stats: () => ({ ...app.stats, durations: undefined, ...bufferStats(app.stats.buffers) })
      }, config)
      if (!host.stop.aborted) await new Promise<void>(resolve => { host.stop.addEventListener('abort', () => resolve(), { once: true }) })
    } finally {
      const clean = await closeWithin(app, config.drainSeconds * 1000)
      if (!clean) host.log.warn({}, 'closed connections of requests that were still open at the drain deadline')
      // The admin server closes after the API, so that it can report the drain.
      await admin?.close()
      await search.close()
      await archive.close()
    }
  }
})

function bufferStats ({ bufferedBytes, cachedBytes, cacheLookups }: ApiStats['buffers']) {
  return { buffers: bufferedBytes, alertCache: { bytes: cachedBytes, ...cacheLookups } }
}

/** Rejects if a store is missing or misconfigured. Only logs a temporary failure, because /readyz reports it until the store responds. */
async function checkStores (archive: Archive, log: Logger): Promise<void> {
  await Promise.all(Object.entries(storeChecks(archive)).map(async ([store, check]) => {
    try {
      const responded = await Promise.race([check().then(() => true), sleep(startCheckMs, false, { ref: false })])
      if (!responded) log.warn({ store }, 'store has not responded yet')
    } catch (error) {
      if (!(error instanceof AlertStreamError) || !error.retryable || error.code === 'STORE_MISSING') throw error
      log.warn({ store, error: formatError(error) }, 'store not available yet')
    }
  }))
}
