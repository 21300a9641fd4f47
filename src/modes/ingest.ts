// ingest: archives every alert of Kafka topics, and every schema before the first alert with that schema. An offset is committed only after
// its record is durable in the archive or in the dead letters, so no crash loses an alert. A redelivered alert is not written again.
import type { AdminServer } from '../admin/status.ts'
import { createRegistryClient } from '../avro/registry.ts'
import type { CompressorInfo } from '../compression/compressor.ts'
import { defaultThreads, openCompressor, resolveCompressor } from '../compression/open-compressor.ts'
import {
  adminFlags, batchFlags, compressionFlags, deadLetterFlags, kafkaFlags, registryFlags, storeFlags, uploadFlags
} from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { redrivenFrom } from '../dead-letters/dead-letter.ts'
import { decodeId, packedIdFormat } from '../ids/packed-id.ts'
import { freeArchived } from '../ingest/free-archived.ts'
import type { DatumChecks } from '../ingest/metrics.ts'
import { ingestMonitor } from '../ingest/monitor.ts'
import { schemaCapture } from '../ingest/schema-capture.ts'
import { defaultUnknownSchemaWaitMs } from '../ingest/schema-lookup.ts'
import { unframe, type FramedRecord } from '../ingest/unframe.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { defaultSessionTimeoutMs } from '../kafka/group-settings.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { createGraph, patientRetry, silent, type Port, type Sink, type Source } from '../pipeline/index.ts'
import { checkDeadLetterTopic, deadLettersOf } from '../program/dead-letters-from-flags.ts'
import { batchOptions, connectionOf, describedConnection } from '../program/kafka-from-flags.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { archiveOf, describedStoreUrls, storeUrls } from '../program/stores-from-flags.ts'
import { keepYoungGenerationSmall } from '../program/young-generation.ts'
import { archiveSink, type ArchivableAlert, type ArchiveSink } from '../sinks/archive.ts'
import { kafkaGroupSource } from '../sources/kafka-group.ts'
import type { Archive } from '../stores/archive.ts'
import { StoreStats } from '../stores/metered-store.ts'

const ingestFlags = flags({
  ...kafkaFlags,
  topic: {
    type: 'list', default: ['alerts-simulated'], aliases: ['kafka-topic', 'kafka-topics'], placeholder: 'TOPIC,...',
    description: 'Topics to archive. May be given more than once.'
  },
  group: { type: 'text', default: 'alertdb-ingester', aliases: ['kafka-group'], description: 'Consumer group.' },
  'group-instance-id': {
    type: 'text', placeholder: 'ID',
    description: 'Static membership id: unique in the group, kept across restarts (for example the pod name). A process that restarts ' +
      'within the session timeout gets its partitions back at once, without a rebalance. See also --leave-group-on-stop.'
  },
  'leave-group-on-stop': {
    type: 'switch',
    description: 'Leave the group at a clean stop, also with --group-instance-id, so that the other members get the partitions at once. ' +
      'By default, a static member stays in the group until its session times out. A process without an instance id always leaves.'
  },
  'session-timeout-seconds': {
    type: 'number', min: 1, max: 1800, default: defaultSessionTimeoutMs / 1000, placeholder: 'SECONDS',
    description: 'Session timeout. If the broker receives no heartbeat for this long, it reassigns the partitions. ' +
      'Brokers allow 6 to 1800 s unless configured otherwise. With --group-instance-id, set a longer timeout than a restart takes.'
  },
  'auto-offset-reset': {
    type: 'choice', choices: ['earliest', 'latest'], default: 'earliest',
    description: 'Where a new group starts. latest: at the end of the partitions that exist at the first start of the group. ' +
      'Partitions and topics that appear later are always read from the beginning.'
  },
  'wait-for-topic': { type: 'switch', description: 'Wait for missing topics instead of failing.' },
  'commit-interval': {
    type: 'integer', min: 1, default: 100,
    description: 'Number of settled alerts after which offsets are committed, in addition to a commit every second.'
  },
  'batch-size': {
    type: 'integer', min: 1, max: 1000, default: 128,
    description: 'Maximum number of objects written concurrently. Fewer are written if the latency of the store grows with their number.'
  },
  limit: { type: 'integer', min: -1, default: -1, description: 'Maximum number of records to process; -1 means no limit.' },
  ...compressionFlags,
  'gzip-threads': {
    type: 'integer', min: 1, max: 64, default: defaultThreads,
    description: 'Maximum number of alerts compressed concurrently, in the thread pool that also serves file I/O. The pool has ' +
      '4 threads, unless UV_THREADPOOL_SIZE is set.'
  },
  'max-in-flight-mib': { type: 'integer', min: 1, default: 16, description: 'Unsettled message bytes, in MiB, at which reading pauses.' },
  'visit-gap': {
    type: 'number', min: 0.1, default: 5, placeholder: 'SECONDS',
    description: 'Time without a record after which a visit is summarised in one log line. Visits are told apart by the alert ids. Where ' +
      'the ids contain no visit, a gap of this length between Kafka timestamps separates two visits.'
  },
  ...batchFlags,
  ...registryFlags,
  'unknown-schema-seconds': {
    type: 'number', min: 0, max: 60, default: defaultUnknownSchemaWaitMs / 1000,
    description: 'Time to wait for a schema that the registry does not have or cannot return, in seconds, because the registry may still ' +
      'be loading. Afterwards, records with the id of this schema go to the dead letters.'
  },
  ...storeFlags,
  ...uploadFlags,
  ...deadLetterFlags,
  ...adminFlags
})
type Config = ConfigOf<typeof ingestFlags>

const MAX_UNSETTLED_RECORDS = 2000

/**
 * Returns the graph of an ingester, and the nodes that the monitor reads. Opens no store, because only running nodes call `archive`.
 * @param urls the URLs of the alert store and the schema store, for the description
 */
export function declare (
  config: Config, connection: KafkaConnection, archive: () => Archive, urls: { readonly alerts: string, readonly schemas: string },
  { log, environment }: Pick<Host, 'log' | 'environment'> = { log: silent, environment: {} }, stores?: StoreStats
) {
  const source = kafkaGroupSource({
    connection, topics: config.topic, group: config.group, instanceId: config.groupInstanceId, leaveOnStop: config.leaveGroupOnStop,
    from: config.autoOffsetReset, waitForTopic: config.waitForTopic, sessionTimeout: config.sessionTimeoutSeconds * 1000,
    commitInterval: { records: config.commitInterval }, batches: batchOptions(config)
  })
  checkDeadLetterTopic(config, 'ingest', '--topic', config.topic)
  const deadLetters = deadLettersOf(config, { connection, environment, expected: { topics: config.topic }, stats: stores })
  const graph = createGraph('ingest', { deadLetters, retry: patientRetry })
  const records = graph.source('kafka', limitRecords(source, config.limit), {
    records: MAX_UNSETTLED_RECORDS, bytes: config.maxInFlightMib * 1024 * 1024
  })
  const { sink, checks, compressor } = archiveRecords(records, config, archive, urls, { log })
  return { graph: graph.build(), source, sink, deadLetters, checks, compressor }
}

type ArchiveConfig = Pick<Config, 'schemaRegistryUrl' | 'unknownSchemaSeconds' | 'compressor' | 'gzipLevel' | 'gzipThreads' | 'layout' |
  'batchSize' | 'packedIdBits' | 'packedIdTags'>

/**
 * Adds the nodes that archive records: unframe, capture-schema, archive. `verify --repair` adds the same nodes to its graph.
 * @param options.reported wraps the sink of the graph, to report each write. The returned sink is the inner one.
 */
export function archiveRecords (
  records: Port<KafkaRecord>, config: ArchiveConfig, archive: () => Archive, urls: { readonly alerts: string, readonly schemas: string },
  { log, reported = sink => sink }: Pick<Host, 'log'> & { readonly reported?: (sink: Sink<ArchivableAlert>) => Sink<ArchivableAlert> }
): { readonly sink: ArchiveSink, readonly checks: DatumChecks, readonly compressor: CompressorInfo } {
  // The client caches no unknown ids, because schemaCapture decides how long an unknown id is remembered.
  const registry = createRegistryClient({ url: config.schemaRegistryUrl, log, unknownForMs: 0 })
  const capture = schemaCapture(registry, archive, { waitMs: config.unknownSchemaSeconds * 1000, log })
  const { gzipThreads, layout } = config
  const compressor = openCompressor(config, gzipThreads, log)
  const sink = archiveSink({ archive, target: `${urls.alerts}, layout ${layout}`, compressor, writes: config.batchSize })

  const checks = { unchecked: 0, visitMismatches: 0 }
  const packedIds = packedIdFormat(config.packedIdBits, config.packedIdTags)
  const checkVisit = (id: bigint, visit: bigint | undefined): void => {
    const packed = visit === undefined ? undefined : decodeId(id, packedIds)
    if (packed === undefined || packed.visit === visit) return
    if (checks.visitMismatches++ === 0) {
      log.warn({ alertId: id.toString(), visit, packedVisit: packed.visit },
        'the visit of an alert contradicts its id: archiving by the id; more such alerts are only counted')
    }
  }
  const captureSchema = async ({ frame, record, schemaId, datum }: FramedRecord): Promise<ArchivableAlert> => {
    const schema = await capture(schemaId)
    const id = schema.alertIdOf(datum)
    if (!schema.checked) checks.unchecked++
    checkVisit(id, schema.visitOf(datum))
    return { id: id.toString(), frame, origin: record, redrivenFrom: redrivenFrom(record) }
  }
  records.step('unframe', unframe, { kind: 'check', detail: 'Confluent frame' })
    // Records that wait for an unknown schema must not block other records.
    .step('capture-schema', captureSchema, {
      concurrency: MAX_UNSETTLED_RECORDS, kind: 'schema registry', detail: config.schemaRegistryUrl,
      writes: { name: 'schema-archive', kind: 'object store', detail: `${urls.schemas}, layout ${layout}` }
    })
    .to('archive', reported(sink), { concurrency: config.batchSize + gzipThreads })
  return { sink, checks, compressor }
}

/** Ends the source after `limit` records. All these records settle and are committed. A negative limit never ends the source. */
function limitRecords<T> (source: Source<T>, limit: number): Source<T> {
  if (limit < 0) return source
  return {
    kind: source.kind,
    detail: source.detail,
    open: async context => source.open?.(context),
    settled: (record, failure) => source.settled?.(record, failure),
    flush: async () => source.flush?.(),
    close: async () => source.close?.(),
    async * records (context) {
      let count = 0
      if (count === limit) return
      for await (const record of source.records(context)) {
        yield record
        if (++count === limit) return
      }
    }
  }
}

export default mode({
  mode: 'ingest',
  about: 'Each alert becomes one object: the gzip of the Kafka message exactly as it was sent. Its schema is archived before it. ' +
    'Records that are not valid alerts go to the dead letters, with the reason. An offset is committed only after its record is durable ' +
    'in the archive or in the dead letters.',
  examples: [
    'alert-stream ingest --alert-store file:///var/alerts',
    'alert-stream ingest --topic alerts-simulated,alerts-test --layout v1 --alert-store file:///var/alerts'
  ],
  flags: ingestFlags,
  describe: config => {
    const noArchive = (): never => { throw new Error('describing the graph opens no store') }
    return declare(config, describedConnection(config), noArchive, describedStoreUrls(config)).graph.describe()
  },
  resolve: resolveCompressor,
  async run (config, _positionals, host) {
    keepYoungGenerationSmall()
    const stores = new StoreStats()
    const connection = await connectionOf(config, 'alert-stream-ingest', host.log)
    const { graph, source, sink, compressor, deadLetters, checks } =
      declare(config, connection, () => archive, storeUrls(config), host, stores)
    // The archive is opened after `declare` has checked the flags, because opening may create folders.
    const archive = await archiveOf(config, 'write', host, stores)
    const monitor = ingestMonitor({
      connection, topics: config.topic, registryUrl: config.schemaRegistryUrl, visitGapSeconds: config.visitGap,
      packedIds: packedIdFormat(config.packedIdBits, config.packedIdTags),
      archive, stores, source, sink, compressor, deadLetters, checks, log: host.log
    })
    let admin: AdminServer | undefined
    try {
      const run = await runToEnd(graph, host, {
        drainSeconds: config.drainSeconds,
        observer: freeArchived(monitor.observer),
        onRun: async run => { admin = await host.expose(monitor.status(run, graph.describe()), config) }
      })
      const { written, identical } = sink.stats
      const deadLettered = run.nodeStats('dead-letters')?.out ?? 0
      const total = written + identical
      await host.print(`archived ${total} alerts: ${written} written, ${identical} already archived, ${deadLettered} dead letters\n`)
    } finally {
      await monitor.close()
      await admin?.close()
      await archive.close()
    }
  }
})
