// index: writes an index of the alerts of Kafka topics, as Parquet segments in an object store. An offset is committed only after all
// segments of its flush are durable. With --rebuild, the rows come from the objects of an archive.
import type { AdminServer } from '../admin/status.ts'
import { archivedIds, archivedIndexer } from '../alert-index/archived-alerts.ts'
import { recordIndexer } from '../alert-index/indexed-records.ts'
import { indexMonitor } from '../alert-index/monitor.ts'
import { heldBytes } from '../alert-index/row.ts'
import { segmentSink } from '../alert-index/segment-sink.ts'
import { createRegistryClient } from '../avro/registry.ts'
import { adminFlags, batchFlags, checkNight, kafkaFlags, registryFlags, s3WriteFlags, storeFlags, uploadFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { version } from '../config/version.ts'
import { packedIdFormat } from '../ids/packed-id.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { createGraph, defineErrors, patientRetry, silent, type Logger } from '../pipeline/index.ts'
import { batchOptions, connectionOf, describedConnection } from '../program/kafka-from-flags.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { archiveOf, bucketOptions, describedStoreUrls } from '../program/stores-from-flags.ts'
import { kafkaGroupSource } from '../sources/kafka-group.ts'
import type { Archive } from '../stores/archive.ts'
import { metered, StoreStats } from '../stores/metered-store.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { openStore } from '../stores/open-store.ts'
import ingest from './ingest.ts'

const indexErrors = defineErrors({
  INDEX_REBUILD_INCOMPLETE: { hint: 'The log names each alert. Inspect it with "alert-stream inspect ID".' }
})

const ingestFlags = ingest.flags
// Segments are found in every layout.
const { layout: _layout, ...archiveFlags } = storeFlags

const indexFlags = flags({
  'index-store': {
    type: 'text', placeholder: 'URL',
    description: 'Store for the segments of the index: file:///dir, s3://bucket[/prefix] or gs://bucket[/prefix]. It may be the alert ' +
      'store. Required.'
  },
  'segment-rows': {
    type: 'integer', min: 1, max: 1_000_000, default: 10_000, description: 'Number of collected rows at which segments are written.'
  },
  'segment-seconds': {
    type: 'number', min: 0.1, max: 86_400, default: 60, placeholder: 'SECONDS',
    description: 'Age in seconds of the oldest collected row at which segments are written.'
  },
  rebuild: {
    type: 'switch',
    description: 'Index the objects of an archive (--alert-store) instead of topics, for the nights of --night. Then exit. Needs no Kafka.'
  },
  night: {
    type: 'list', placeholder: 'YYYYMMDD,...', check: checkNight,
    description: 'Nights (day_obs) to rebuild. May be given more than once.'
  },
  ...kafkaFlags,
  topic: { ...ingestFlags.topic, description: 'Topics to index. May be given more than once.' },
  group: { ...ingestFlags.group, default: 'alertdb-index', description: 'Consumer group. It must differ from that of the ingester.' },
  'group-instance-id': ingestFlags['group-instance-id'],
  'leave-group-on-stop': ingestFlags['leave-group-on-stop'],
  'session-timeout-seconds': ingestFlags['session-timeout-seconds'],
  'auto-offset-reset': ingestFlags['auto-offset-reset'],
  'wait-for-topic': ingestFlags['wait-for-topic'],
  'max-in-flight-mib': {
    type: 'integer', min: 1, default: 32,
    description: 'Bytes of unsettled messages and of collected rows (about 1 kB each), in MiB, at which reading pauses.'
  },
  ...batchFlags,
  ...registryFlags,
  'unknown-schema-seconds': {
    ...ingestFlags['unknown-schema-seconds'],
    description: 'Time to wait for a schema that the registry does not have or cannot return, in seconds, because the registry may still ' +
      'be loading. Afterwards, records with the id of this schema are rejected.'
  },
  ...archiveFlags,
  'alert-store': { ...archiveFlags['alert-store'], description: 'With --rebuild: store of the alerts, as for ingest.' },
  'schema-store': { ...archiveFlags['schema-store'], description: 'With --rebuild: store of the schemas. Default: the alert store.' },
  ...s3WriteFlags,
  ...uploadFlags,
  ...adminFlags
})
type Config = ConfigOf<typeof indexFlags>

/** Records that are projected, or wait for an unknown schema, while a full segment is written. */
const RECORDS_BEYOND_SEGMENTS = 2000
const MIB = 1024 * 1024

/** What the nodes use once the graph runs. */
interface Opened {
  readonly index: ObjectStore
  /** Undefined without --rebuild. */
  readonly archive: Archive | undefined
}

function segmentsIn (config: Config, opened: () => Opened) {
  return segmentSink({
    store: () => opened().index, target: config.indexStore ?? '--index-store', source: config.rebuild ? 'archive' : 'kafka',
    writer: `alert-stream ${version()}`
  })
}

/** Returns the graph that indexes topics. Opens nothing, because only running nodes call `opened`. */
export function declare (config: Config, connection: KafkaConnection, opened: () => Opened, log: Logger = silent) {
  const { segmentRows, segmentSeconds, schemaRegistryUrl } = config
  const records = 2 * segmentRows + RECORDS_BEYOND_SEGMENTS
  const source = kafkaGroupSource({
    connection, topics: config.topic, group: config.group, instanceId: config.groupInstanceId, leaveOnStop: config.leaveGroupOnStop,
    from: config.autoOffsetReset, waitForTopic: config.waitForTopic, sessionTimeout: config.sessionTimeoutSeconds * 1000, cap: records,
    batches: batchOptions(config)
  })
  const registry = createRegistryClient({ url: schemaRegistryUrl, log, unknownForMs: 0 })
  const packedIds = packedIdFormat(config.packedIdBits, config.packedIdTags)
  const index = recordIndexer(registry, packedIds, { waitMs: config.unknownSchemaSeconds * 1000, log })
  const sink = segmentsIn(config, opened)
  // Rejected records are listed in the segments, so the graph has no dead letters. The ingester writes them, in its own group.
  const graph = createGraph('index', { retry: patientRetry })
  graph.source('kafka', source, { records, bytes: config.maxInFlightMib * MIB })
    // Records that wait for an unknown schema must not block other records.
    .step('project', async record => sink.collected(await index(record)), {
      concurrency: records, holds: heldBytes, kind: 'schema registry', detail: schemaRegistryUrl
    })
    .batch('flush', { count: segmentRows, ms: segmentSeconds * 1000 })
    .to('segments', sink)
  return { graph: graph.build(), source, sink }
}

/** Returns the graph that indexes the objects of an archive. `report.failed` counts the alerts that cannot be indexed. */
export function declareRebuild (config: Config, opened: () => Opened, report: { failed: number }, log: Logger = silent) {
  const { night: nights = [], segmentRows: count } = config
  const packedIds = packedIdFormat(config.packedIdBits, config.packedIdTags)
  const archive = (): Archive => opened().archive!
  const target = describedStoreUrls(config).alerts
  const index = archivedIndexer({ archive, packedIds, log, failed: () => { report.failed++ } })
  const sink = segmentsIn(config, opened)
  const graph = createGraph('index', { retry: patientRetry })
  graph.source('archive', archivedIds({ archive, target, nights, packedIds, count }), { records: 2 })
    .step('project', async (ids, { signal }) => await index(ids, signal), { kind: 'object store', detail: target })
    .filter('indexed', entries => entries.length > 0)
    .to('segments', sink)
  return { graph: graph.build(), sink }
}

/** Errors: USAGE_MISSING, USAGE_BAD_VALUE. */
function checkUsage ({ indexStore, rebuild, night = [], alertStore, bucketAlerts, gcpBucketAlerts, localFileRoot }: Config): void {
  if (indexStore === undefined) throw usageErrors.USAGE_MISSING('no index store is given: set --index-store', { where: 'index' })
  if (!rebuild && night.length > 0) throw usageErrors.USAGE_BAD_VALUE('--night needs --rebuild', { where: 'index' })
  if (!rebuild) return
  if (night.length === 0) throw usageErrors.USAGE_MISSING('--rebuild needs --night', { where: 'index' })
  if ([alertStore, bucketAlerts, gcpBucketAlerts, localFileRoot].every(url => url === undefined)) {
    throw usageErrors.USAGE_MISSING('--rebuild needs --alert-store', { where: 'index' })
  }
}

async function openIndex (config: Config, host: Host, stats: StoreStats): Promise<ObjectStore> {
  const options = { ...bucketOptions(config, host.environment), access: 'write' as const, log: host.log }
  return metered(await openStore(config.indexStore!, options), 'index', stats)
}

async function runKafka (config: Config, host: Host): Promise<void> {
  const stores = new StoreStats()
  const connection = await connectionOf(config, 'alert-stream-index', host.log)
  const { graph, source, sink } = declare(config, connection, () => ({ index: store, archive: undefined }), host.log)
  const store = await openIndex(config, host, stores)
  const { topic: topics, schemaRegistryUrl: registryUrl } = config
  const monitor = indexMonitor({ connection, topics, registryUrl, store, stores, source, sink })
  let admin: AdminServer | undefined
  try {
    await runToEnd(graph, host, {
      drainSeconds: config.drainSeconds,
      onRun: async run => { admin = await host.expose(monitor.status(run, graph.describe()), config) }
    })
    const { rows, segments, rejected } = sink.stats()
    await host.print(`indexed ${rows} alerts in ${segments} segments, ${rejected} rejected\n`)
  } finally {
    await monitor.close()
    await admin?.close()
    await store.close()
  }
}

async function rebuild (config: Config, host: Host): Promise<void> {
  const stores = new StoreStats()
  const report = { failed: 0 }
  const { graph, sink } = declareRebuild(config, () => ({ index: store, archive }), report, host.log)
  const archive = await archiveOf({ ...config, layout: 'v2' }, 'read', host, stores)
  const store = await openIndex(config, host, stores)
  try {
    // A mistyped URL must fail, not index nothing.
    await archive.check()
    await runToEnd(graph, host, { drainSeconds: config.drainSeconds })
    const { rows, segments } = sink.stats()
    await host.print(`indexed ${rows} alerts in ${segments} segments, ${report.failed} failed\n`)
  } finally {
    await archive.close()
    await store.close()
  }
  if (report.failed > 0) throw indexErrors.INDEX_REBUILD_INCOMPLETE(`${report.failed} archived alerts could not be indexed`)
}

export default mode({
  mode: 'index',
  about: 'Each alert becomes one row of a Parquet file: id, night, visit, detector, object, position, flux, the hash of the message and ' +
    'its place in Kafka. The files (segments) hold the rows of one night and are never changed. Records that are not valid alerts are ' +
    'listed in the metadata of a segment. An offset is committed only after its segment is durable. The index is derived data: ' +
    '--rebuild writes it again from an archive.',
  examples: [
    'alert-stream index --index-store file:///var/index',
    'alert-stream index --rebuild --night 20260224,20260225 --alert-store gs://alerts --index-store gs://alerts'
  ],
  flags: indexFlags,
  describe: config => {
    const nothing = (): never => { throw new Error('describing the graph opens no store') }
    if (config.rebuild) return declareRebuild(config, nothing, { failed: 0 }).graph.describe()
    return declare(config, describedConnection(config), nothing).graph.describe()
  },
  async run (config, _positionals, host) {
    checkUsage(config)
    await (config.rebuild ? rebuild(config, host) : runKafka(config, host))
  }
})
