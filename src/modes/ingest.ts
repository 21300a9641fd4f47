// ingest: archives every alert of Kafka topics, and every schema before the first alert that needs it. An offset is committed only after its
// alert is durable or in the dead letters, so whatever dies, nothing is lost; what is delivered again is found to be there already.
import { createRegistryClient, parseFrame } from '../avro/index.ts'
import { adminFlags, deadLetterFlags, kafkaFlags, registryFlags, storeFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { createGraph, patientRetry, silent, type Source } from '../pipeline/index.ts'
import { kafkaGroupSource } from '../sources/kafka-group.ts'
import { archiveSink, type ArchivableAlert } from '../sinks/archive.ts'
import { schemaCapture } from '../ingest/schema-capture.ts'
import { defaultPatienceMs } from '../ingest/unknown-schemas.ts'
import { crc32c, createDeduplicator, dedupeKey, gzipFrame, StoreStats, type Archive } from '../stores/index.ts'
import { ingestFace } from '../ingest/status.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import type { AdminServer } from '../admin/status.ts'
import { archiveOf, storeUrls } from '../program/stores-from-flags.ts'
import { connectionOf, describedConnection } from '../program/kafka-from-flags.ts'
import { deadLettersOf } from '../program/dead-letters-from-flags.ts'

const ingestFlags = flags({
  ...kafkaFlags,
  topic: { type: 'list', default: ['alerts-simulated'], aliases: ['kafka-topic', 'kafka-topics'], placeholder: 'TOPIC,...', description: 'Topics to archive; may be given more than once.' },
  group: { type: 'text', default: 'alertdb-ingester', aliases: ['kafka-group'], description: 'Consumer group; offsets are committed to it.' },
  'group-instance-id': {
    type: 'text', placeholder: 'ID',
    description: 'Static membership: a name of this process that stays over restarts and that no other process of the group has (the pod name in a StatefulSet, not in a Deployment). A stop or crash then moves no partition: they wait for its return until the session times out. Without it a stop hands them over at once.'
  },
  'session-timeout-seconds': {
    type: 'number', min: 1, max: 1800, default: 30, placeholder: 'SECONDS',
    description: 'Without a sign of life for so long, the partitions of a process are given to others (brokers allow 6 to 1800 unless they are told otherwise). With --group-instance-id it should be longer than a restart takes.'
  },
  'auto-offset-reset': { type: 'choice', choices: ['earliest', 'latest'], default: 'earliest', description: 'Where a group without committed offsets begins.' },
  'wait-for-topic': { type: 'switch', description: 'Wait for topics that do not exist yet, instead of failing.' },
  'commit-interval': { type: 'integer', min: 1, default: 100, description: 'Commit offsets after so many settled alerts, and at least once a second.' },
  'batch-size': { type: 'integer', min: 1, max: 1000, default: 20, description: 'Objects written at once.' },
  limit: { type: 'integer', min: -1, default: -1, description: 'Stop after so many records (-1: never).' },
  'gzip-level': { type: 'integer', min: 1, max: 9, default: 6, description: 'Compression of the objects: 1 is twice as fast as 6 and a few per cent larger.' },
  'gzip-threads': { type: 'integer', min: 1, max: 64, default: 4, description: 'Alerts compressed at once.' },
  'max-in-flight-mib': { type: 'integer', min: 1, default: 16, description: 'Unsettled alerts in memory, MiB of framed bytes, at which reading pauses.' },
  'visit-gap': { type: 'number', min: 0.1, default: 5, placeholder: 'SECONDS', description: 'Alerts whose Kafka timestamps are further apart than this belong to two visits; each visit is summed up in one log line.' },
  ...registryFlags,
  'unknown-schema-seconds': {
    type: 'number', min: 0, max: 60, default: defaultPatienceMs / 1000,
    description: 'How long a schema id that the registry does not have is looked for again before its records go to the dead letters: the registry may still be loading.'
  },
  ...storeFlags,
  ...deadLetterFlags,
  ...adminFlags
})
type Config = ConfigOf<typeof ingestFlags>

interface Framed { readonly frame: Buffer, readonly schemaId: number, readonly datum: Buffer }

function unframe (record: KafkaRecord): Framed {
  const frame = record.value ?? Buffer.alloc(0)
  return { frame, ...parseFrame(frame) }
}

/** Ends after so many records, which then all settle and are committed. */
function limited<T> (source: Source<T>, limit: number): Source<T> {
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

type DeclareHost = Pick<Host, 'log' | 'environment'>

export function declare (
  config: Config, connection: KafkaConnection, archive: () => Archive, storeUrl: string, { log, environment }: DeclareHost = { log: silent, environment: {} }, stores?: StoreStats
) {
  const source = kafkaGroupSource({
    connection, topics: config.topic, group: config.group, instanceId: config.groupInstanceId, from: config.autoOffsetReset,
    sessionTimeout: config.sessionTimeoutSeconds * 1000,
    waitForTopic: config.waitForTopic,
    commitInterval: { records: config.commitInterval }
  })
  const dedupe = createDeduplicator({ max: 100_000 })
  const registry = createRegistryClient({ url: config.schemaRegistryUrl, log, unknownForMs: 0 })
  const capture = schemaCapture(registry, archive, { patienceMs: config.unknownSchemaSeconds * 1000, log })
  const sink = archiveSink(archive, dedupe, `${storeUrl}, layout ${config.layout}`, config.gzipLevel)
  const deadLetters = deadLettersOf(config, connection, environment, stores)
  const graph = createGraph('ingest', { deadLetters, retry: patientRetry })
  graph.source('kafka', limited(source, config.limit), { records: 2000, bytes: config.maxInFlightMib * 1024 * 1024 })
    .step('unframe', unframe, { kind: 'check', detail: 'Confluent frame' })
    .step('capture-schema', async ({ frame, schemaId, datum }): Promise<Omit<ArchivableAlert, 'gz'>> => {
      const schema = await capture(schemaId)
      return { id: schema.readAlertId(datum).toString(), frame, crc32c: crc32c(frame) }
    }, { concurrency: config.batchSize, retry: patientRetry, kind: 'schema and id', detail: config.schemaRegistryUrl })
    .step('gzip', async (alert): Promise<ArchivableAlert> =>
      ({ ...alert, gz: dedupe.has(dedupeKey(alert.id, alert.crc32c)) ? undefined : await gzipFrame(alert.frame, config.gzipLevel) }),
    { concurrency: config.gzipThreads, kind: 'gzip', detail: `level ${config.gzipLevel}` })
    .to('archive', sink, { concurrency: config.batchSize, retry: patientRetry })
  return { graph: graph.build(), source, sink, deadLetters }
}

export default mode({
  mode: 'ingest',
  about: 'Each alert becomes one object: the gzip of the message exactly as it was sent. Its schema is stored whole before it. Records that are no alerts go to the dead letters with the reason in their headers. Offsets are committed only after that.',
  examples: ['alert-stream ingest --alert-store file:///var/alerts', 'alert-stream ingest --topic alerts-simulated,alerts-test --layout v1 --alert-store file:///var/alerts'],
  flags: ingestFlags,
  describe: config => {
    const given = config.alertStore ?? config.gcpBucketAlerts ?? config.localFileRoot
    return declare(config, describedConnection(config), () => { throw new Error('a description opens no store') }, given === undefined ? '--alert-store' : storeUrls(config).alerts).graph.describe()
  },
  async run (config, _positionals, host) {
    const stores = new StoreStats()
    const archive = await archiveOf(config, 'write', host, stores)
    const connection = await connectionOf(config, 'alert-stream-ingest', host.log)
    const { graph, source, sink, deadLetters } = declare(config, connection, () => archive, archive.alerts.url, host, stores)
    const face = ingestFace({
      connection, topics: config.topic, registryUrl: config.schemaRegistryUrl, visitGapSeconds: config.visitGap, archive, stores, source, sink, deadLetters, log: host.log
    })
    let admin: AdminServer | undefined
    try {
      const run = await runToEnd(graph, host, {
        drainSeconds: config.drainSeconds,
        observer: face.observer,
        onRun: async run => { admin = await host.expose(face.status(run, graph.describe()), config) }
      })
      const dead = run.meters().at(-1)?.out ?? 0
      await host.print(`archived ${sink.stats.written + sink.stats.identical} alerts: ${sink.stats.written} written, ${sink.stats.identical} there already, ${dead} dead letters\n`)
    } finally {
      await face.close()
      await admin?.close()
      await archive.close()
    }
  }
})
