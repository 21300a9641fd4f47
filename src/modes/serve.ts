// serve: the archive over HTTP. Not a stream of records, so no pipeline graph runs here; what is described are its routes and stores.
import { build, closeWithin, listen } from '../api/index.ts'
import { adminFlags, storeFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import type { GraphDescription } from '../pipeline/index.ts'
import { StoreStats } from '../stores/index.ts'
import { storeChecks } from '../admin/readiness-checks.ts'
import { mode } from '../program/mode.ts'
import type { AdminServer } from '../admin/status.ts'
import { archiveOf, storeUrls } from '../program/stores-from-flags.ts'
import { httpFamilies } from '../api/metrics.ts'
import { storeFamily } from '../metrics/store-metrics.ts'

const serveFlags = flags({
  'listen-host': { type: 'text', default: '127.0.0.1', description: 'Address to listen on.' },
  'listen-port': { type: 'integer', min: 0, max: 65535, default: 3000, description: 'Port to listen on; 0: a free one.' },
  'path-prefix': { type: 'text', default: '', placeholder: 'PATH', description: 'Path before /v1, as an ingress passes it.', example: '/alertdb' },
  'max-event-loop-delay': { type: 'integer', min: 0, default: 1000, description: 'Milliseconds of event-loop delay above which requests are answered 503 (0: never).' },
  ...storeFlags,
  // A reader tries three times, and its client waits meanwhile.
  'store-timeout': { ...storeFlags['store-timeout'], default: 5 },
  ...adminFlags
})
type Config = ConfigOf<typeof serveFlags>

/** As the server has it, however many slashes were given. */
function prefixOf ({ pathPrefix }: Config): string {
  return `/${pathPrefix}/v1`.replace(/\/+/g, '/')
}

function describe (config: Config): GraphDescription {
  const prefix = prefixOf(config)
  const urls = config.alertStore === undefined && config.gcpBucketAlerts === undefined && config.localFileRoot === undefined
    ? { alerts: '--alert-store', schemas: '--schema-store' }
    : storeUrls(config)
  return {
    graph: 'serve',
    nodes: [
      { name: 'alert-store', type: 'source', kind: 'object store', detail: urls.alerts, limits: {} },
      { name: 'schema-store', type: 'source', kind: 'object store', detail: urls.schemas, limits: {} },
      { name: 'gunzip', type: 'step', kind: 'map', detail: 'unless the client accepts gzip', limits: {} },
      { name: 'schema-cache', type: 'step', kind: 'cache', limits: {} },
      { name: 'alerts', type: 'sink', kind: 'http', detail: `GET ${prefix}/alerts/{id}`, limits: {} },
      { name: 'schemas', type: 'sink', kind: 'http', detail: `GET ${prefix}/schemas/{id}`, limits: {} },
      { name: 'health', type: 'sink', kind: 'http', detail: `GET ${prefix}/health`, limits: {} }
    ],
    edges: [
      { from: 'alert-store', to: 'gunzip', type: 'data' },
      { from: 'gunzip', to: 'alerts', type: 'data' },
      { from: 'schema-store', to: 'schema-cache', type: 'data' },
      { from: 'schema-cache', to: 'schemas', type: 'data' },
      { from: 'alert-store', to: 'health', type: 'data' },
      { from: 'schema-store', to: 'health', type: 'data' }
    ]
  }
}

export default mode({
  mode: 'serve',
  about: 'GET /v1/alerts/{id} gives the alert as it was in Kafka (framed Avro), decompressed, or the stored gzip where the client accepts it; /v1/schemas/{id} the Avro schema; /v1/health OK while the stores answer.',
  examples: ['alert-stream serve --alert-store file:///var/alerts', 'curl localhost:3000/v1/schemas/1'],
  flags: serveFlags,
  describe,
  async run (config, _positionals, host) {
    const stores = new StoreStats()
    const archive = await archiveOf(config, 'read', host, stores)
    const app = build({
      archive, log: host.log, pathPrefix: config.pathPrefix,
      pressure: { maxEventLoopDelayMs: config.maxEventLoopDelay }
    })
    let admin: AdminServer | undefined
    try {
      const url = await listen(app, { host: config.listenHost, port: config.listenPort }) + prefixOf(config)
      host.log.info({ url, alerts: archive.alerts.url, schemas: archive.schemas.url, layout: config.layout }, 'serving')
      await host.print(`serving ${url}\n`)
      admin = await host.expose({
        description: describe(config),
        state: () => host.stop.aborted ? 'draining' : 'running',
        checks: storeChecks(archive),
        metrics: [...httpFamilies(app.counts), storeFamily(stores)],
        stats: () => ({ ...app.counts, durations: undefined })
      }, config)
      if (!host.stop.aborted) await new Promise<void>(resolve => { host.stop.addEventListener('abort', () => resolve(), { once: true }) })
    } finally {
      const clean = await closeWithin(app, config.drainSeconds * 1000)
      if (!clean) host.log.warn({}, 'requests were still open at the deadline and were cut')
      // Last, so that the drain can be seen.
      await admin?.close()
      await archive.close()
    }
  }
})
