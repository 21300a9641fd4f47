// replay: republishes archived alerts with their original value, key, headers and timestamp, in the order in which they were published.
// The progress is committed after each batch, so a run that is killed repeats at most one batch.
import type { AdminServer } from '../admin/status.ts'
import { adminFlags, batchFlags, checkNight, kafkaFlags, s3Flags, storeFlags, topicFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { packedIdFormat } from '../ids/packed-id.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { createGraph, noRetry, patientRetry, silent, type Logger } from '../pipeline/index.ts'
import { counted } from '../print/counted.ts'
import { connectionOf, describedConnection, destinationSpec } from '../program/kafka-from-flags.ts'
import { mode, type Host } from '../program/mode.ts'
import { progressBar } from '../program/progress-bar.ts'
import { runToEnd } from '../program/run-graph.ts'
import { archiveToRead, bucketOptions, describedStoreUrls } from '../program/stores-from-flags.ts'
import { replayErrors } from '../replay/errors.ts'
import { checkTopic, warnOfRetention } from '../replay/destination-topic.ts'
import { replayMonitor } from '../replay/monitor.ts'
import { ReplayProgress } from '../replay/progress.ts'
import { replaySink } from '../replay/replay-sink.ts'
import { replaySource } from '../replay/replay-source.ts'
import { recordsRestorer } from '../replay/restore-records.ts'
import { checkSelection, groupSuffix, openSelection, type Selection, type SelectionFlags } from '../replay/selection.ts'
import type { Archive } from '../stores/archive.ts'
import { metered, StoreStats } from '../stores/metered-store.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { openStore } from '../stores/open-store.ts'

// Alerts are found in every layout, and frames contain the ids of their schemas.
const { layout: _layout, 'schema-store': _store, 'bucket-schemas': _s3, 'gcp-bucket-schemas': _gs, ...alertStoreFlags } = storeFlags

const replayFlags = flags({
  night: { type: 'text', placeholder: 'YYYYMMDD', check: checkNight, description: 'Night (day_obs) of the alerts.' },
  visit: {
    type: 'text', placeholder: 'VISIT', description: 'Visit of the alerts, as in the field visit: YYYYMMDD and a 5-digit sequence number.'
  },
  ids: { type: 'text', placeholder: 'PATH', description: 'File with the ids of the alerts, one per line, such as the output of list.' },
  'dst-topic': { type: 'text', placeholder: 'TOPIC', description: 'Topic to publish to. Required.' },
  group: {
    type: 'text',
    description: 'Consumer group in which the progress is committed. Default: alert-stream-replay-NIGHT, -VISIT or -ids-HASH. Running ' +
      'the same command again sends only the remaining alerts. To resend all alerts, use another group.'
  },
  rate: { type: 'number', min: 0.001, placeholder: 'N', description: 'Maximum number of alerts per second. Default: as fast as possible.' },
  'allow-incomplete': {
    type: 'switch',
    description: 'Also send alerts whose provenance is missing (without key, headers and timestamp, after all other alerts; with ' +
      '--index-store, at the position in the index) or does not have all headers or the key. Default: if there are such alerts, nothing ' +
      'is sent.'
  },
  'batch-size': {
    type: 'integer', min: 1, max: 100_000, default: 500,
    description: 'Maximum number of alerts in a batch. A batch is also limited to 8 MiB. After a crash, at most one batch is sent twice.'
  },
  'index-store': {
    type: 'text', placeholder: 'URL',
    description: 'Store of the index that `alert-stream index` writes. The positions of alerts then come from its segments. Default: one ' +
      'request per alert for its gzip header.'
  },
  'max-alerts': {
    type: 'integer', min: 1, max: 100_000_000, default: 20_000_000,
    description: 'Maximum number of selected alerts. Each takes 60 bytes of memory, 60 more with --index-store, and 8 more with --ids.'
  },
  ...kafkaFlags,
  'create-dst-topic': { type: 'switch', description: 'Create the destination topic if it does not exist.' },
  // Brokers delete records by their timestamps, which may be old, and a night is large.
  ...topicFlags('dst-topic', 'the destination topic', 8, -1, -1),
  ...alertStoreFlags,
  ...s3Flags,
  'max-record-mib': { ...batchFlags['max-record-mib'], description: 'Maximum size of an alert, in MiB. Larger alerts are left out.' },
  ...adminFlags
})
type Config = ConfigOf<typeof replayFlags>

const MIB = 1024 * 1024
const batchBytes = 8 * MIB
/** A batch is sent while the next one is read. */
const batchesInMemory = 3

/** What the nodes use once the graph runs. */
interface Opened {
  readonly archive: Archive
  readonly index: ObjectStore | undefined
  readonly selection: Selection
  readonly progress: ReplayProgress
  /** Number of partitions of the destination topic. */
  readonly partitions: number
}

/** Errors: USAGE_MISSING, USAGE_BAD_VALUE, ID_OUT_OF_RANGE, ID_FORMAT_INVALID. */
function checkUsage (config: Config): void {
  checkSelection(config, packedIdFormat(config.packedIdBits, config.packedIdTags))
  if (config.dstTopic === undefined) throw usageErrors.USAGE_MISSING('replay needs --dst-topic', { where: 'replay' })
  if (config.ids !== undefined && config.indexStore !== undefined) {
    throw usageErrors.USAGE_BAD_VALUE('--index-store and --ids cannot be used together', {
      where: 'replay', hint: 'Omit --index-store: the positions of the alerts of a file are read from their objects.'
    })
  }
}

/** Returns the graph. Opens nothing, because only running nodes call `opened`. */
export function declare (config: Config, connection: KafkaConnection, opened: () => Opened, log: Logger = silent) {
  const { night, visit, ids, allowIncomplete, rate, batchSize: count, maxAlerts, dstTopic = '--dst-topic' } = config
  const { alerts } = describedStoreUrls(config)
  const source = replaySource({
    detail: `${alerts}, ${described({ night, visit, ids })}`,
    opened: () => ({ ...opened(), maxAlerts }),
    allowIncomplete,
    rate,
    onOrder: alerts => { void warnOfRetention(connection, dstTopic, alerts, log) }
  })
  const restore = recordsRestorer({
    archive: () => opened().archive, allowIncomplete, partitions: () => opened().partitions, log
  })
  const sink = replaySink(connection, dstTopic, () => opened().progress)
  const graph = createGraph('replay', { retry: patientRetry })
  graph.source('archive', source, { records: batchesInMemory * count, bytes: batchesInMemory * batchBytes })
    .batch('batch', { count, bytes: batchBytes, ms: 50 })
    .step('read', async (batch, { signal }) => await restore(batch, signal), { kind: 'object store', detail: alerts })
    .to('topic', sink, { retry: noRetry })
  return { graph: graph.build(), source, sink }
}

function described ({ night, visit, ids }: SelectionFlags): string {
  if (night !== undefined) return `night ${night}`
  if (visit !== undefined) return `visit ${visit}`
  return ids === undefined ? 'no alerts' : `ids of ${ids}`
}

async function openAll (config: Config, connection: KafkaConnection, host: Host, stores: StoreStats): Promise<Opened> {
  const selection = await openSelection(config, packedIdFormat(config.packedIdBits, config.packedIdTags), config.maxAlerts)
  const archive = await archiveToRead(config, host, stores)
  const opened: { archive: Archive, index?: ObjectStore, progress?: ReplayProgress } = { archive }
  try {
    if (config.indexStore !== undefined) {
      const options = { ...bucketOptions(config, host.environment), access: 'read' as const, log: host.log }
      opened.index = metered(await openStore(config.indexStore, options), 'index', stores)
      await opened.index.check()
    }
    const topic = config.dstTopic!
    const spec = config.createDstTopic ? destinationSpec(config) : undefined
    const { id: topicId, partitions } = await checkTopic(connection, topic, spec, host)
    const group = config.group ?? `alert-stream-replay-${groupSuffix(selection)}`
    const progress = opened.progress = new ReplayProgress({ connection, group, topic, topicId, selection: selection.name, log: host.log })
    await progress.open()
    return { ...opened, index: opened.index, selection, progress, partitions }
  } catch (error) {
    await closeAll(opened)
    throw error
  }
}

async function closeAll (
  { archive, index, progress }: Pick<Opened, 'archive'> & Partial<Pick<Opened, 'index' | 'progress'>>
): Promise<void> {
  await archive.close()
  await index?.close()
  await progress?.close()
}

export default mode({
  mode: 'replay',
  about: 'Sends the archived alerts of a night, of a visit or of a file of ids to a topic. Value, key, headers and timestamp are those ' +
    'of the archived record. The order is that of timestamp, topic, partition and offset, and the key determines the partition as in ' +
    'Kafka\'s Java client. Headers that redrive has added are left out. After a stop or a kill, the same command sends the rest. If an ' +
    'object is damaged, its alert is left out, and the exit code is 1.',
  examples: [
    'alert-stream replay --night 20260224 --dst-topic alerts-replayed --create-dst-topic --alert-store gs://alerts',
    'alert-stream replay --visit 2026022401010 --dst-topic alerts-replayed --rate 270 --alert-store file:///var/alerts',
    'alert-stream replay --ids ids.txt --dst-topic alerts-replayed --alert-store s3://alerts'
  ],
  flags: replayFlags,
  describe: config => {
    const nothing = (): never => { throw new Error('describing the graph opens nothing') }
    return declare(config, describedConnection(config), nothing).graph.describe()
  },
  async run (config, _positionals, host) {
    checkUsage(config)
    const stores = new StoreStats()
    const connection = await connectionOf(config, 'alert-stream-replay', host.log)
    let opened: Opened
    try {
      opened = await openAll(config, connection, host, stores)
    } catch (error) {
      // A stop ends the wait for unavailable brokers.
      if (host.stop.aborted) return
      throw error
    }
    const { progress, archive } = opened
    const before = progress.processed
    const { graph, source, sink } = declare(config, connection, () => opened, host.log)
    const monitor = replayMonitor({ connection, topic: config.dstTopic!, archive, stores, source, sink, progress })
    const bar = progressBar(host, 'replaying', () => source.selected ?? 0)
    let admin: AdminServer | undefined
    try {
      await runToEnd(graph, host, {
        drainSeconds: config.drainSeconds,
        onRun: async run => {
          admin = await host.expose(monitor.status(run, graph.describe()), config)
          bar.follow(() => progress.processed)
        }
      })
    } finally {
      bar.end()
      await admin?.close()
      await monitor.close()
      await closeAll(opened)
    }
    if (!source.ended) host.log.warn({ sent: sink.sent }, 'stopped before the end: run the same command again to send the rest')
    await host.print(`replay: ${counted(sink.sent, 'alert')} sent, ${before} processed before, ${progress.leftOut} left out\n`)
    if (progress.leftOut > 0) {
      const what = `${counted(progress.leftOut, 'alert')} not sent, because of damaged or deleted objects`
      throw replayErrors.REPLAY_LEFT_OUT(what, { where: archive.alerts.url })
    }
  }
})
