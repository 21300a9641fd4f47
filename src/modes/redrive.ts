// redrive: sends dead letters back to their original topics after the cause has been fixed. A dead letter counts as processed when the
// brokers acknowledge its record. Dead letters that cannot be sent or were not selected stay for a later run. No dead letter is deleted.
import { batchFlags, kafkaFlags, defaultDeadLetterTopic, s3Flags, s3WriteFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import type { Environment } from '../config/parse.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { DeadLetterRecord } from '../dead-letters/dead-letter.ts'
import { createGraph, noRetry, patientRetry, type BatchSink, type DeadLetterSink, type NodeContext } from '../pipeline/index.ts'
import { kafkaSink } from '../sinks/kafka.ts'
import { deadLetterStoreSource } from '../dead-letters/store-source.ts'
import { deadLetterTopicSource } from '../dead-letters/topic-source.ts'
import type { DeadLetterEntry, DeadLetterSource } from '../dead-letters/dead-letter-source.ts'
import { openStore } from '../stores/index.ts'
import { counted } from '../print/counted.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { batchOptions, connectionOf, describedConnection } from '../program/kafka-from-flags.ts'
import { bucketOptions } from '../program/stores-from-flags.ts'
import { recordRestorer, redriveErrors, type RestoredRecord } from '../dead-letters/restore.ts'
import { RedriveStats } from '../dead-letters/redrive-stats.ts'

const redriveFlags = flags({
  ...kafkaFlags,
  // The flag is not called --topic, because redrive may share its environment with the ingester, whose --topic is a different topic.
  'dead-letter-topic': { type: 'text', placeholder: 'TOPIC', description: `Topic to read. Default: ${defaultDeadLetterTopic}.` },
  'dead-letter-store': {
    type: 'text', placeholder: 'URL', description: 'Store to read instead of a topic: file:///dir, s3://bucket or gs://bucket.'
  },
  ...s3Flags,
  ...s3WriteFlags,
  group: {
    type: 'text', default: 'alert-stream-redrive', description: 'Name of the stored progress: consumer group, or marker folder in a store.'
  },
  'from-beginning': {
    type: 'switch',
    description: 'Start with the first dead letter if the group has no committed offsets. Without this flag, redrive rejects ' +
      'such a group, because offsets expire (by default after 7 days) and dead letters that were sent before would be sent again.'
  },
  'dst-topic': { type: 'text', placeholder: 'TOPIC', description: 'Topic for all records. Default: the original topic of each record.' },
  reason: { type: 'list', placeholder: 'CODE,...', description: 'Reasons of the dead letters to process. Default: all.' },
  node: { type: 'list', placeholder: 'NODE,...', description: 'Pipeline nodes in which the dead letters to process failed. Default: all.' },
  'origin-topic': { type: 'list', placeholder: 'TOPIC,...', description: 'Original topics of the dead letters to process. Default: all.' },
  limit: { type: 'integer', min: 1, description: 'Maximum number of dead letters to process. Default: no limit.' },
  ...batchFlags,
  'max-redrives': { type: 'integer', min: 1, default: 3, description: 'Maximum number of times that one record is sent back.' },
  'dry-run': { type: 'switch', description: 'Print what would be sent. Send nothing and store no progress.' },
  discard: { type: 'switch', description: 'Mark dead letters as processed without sending. Needs --reason, --node or --origin-topic.' }
})
type Config = ConfigOf<typeof redriveFlags>

/** Maximum number of dead letters in flight. A crash at that moment can cause these dead letters to be sent again. */
const CREDITS = 100

/** Errors: USAGE_BAD_VALUE, USAGE_MISSING. */
function checkFlags (config: Config): void {
  const fail = (a: string, b: string): never => {
    throw usageErrors.USAGE_BAD_VALUE(`${a} and ${b} cannot be used together`, {
      where: 'redrive', hint: `Omit ${a} or ${b}. Check the environment and the configuration file too.`
    })
  }
  const { deadLetterStore, dstTopic, discard, reason, node, originTopic } = config
  if (deadLetterStore !== undefined && config.deadLetterTopic !== undefined) fail('--dead-letter-topic', '--dead-letter-store')
  if (deadLetterStore !== undefined && config.fromBeginning) fail('--from-beginning', '--dead-letter-store')
  if (dstTopic !== undefined && dstTopic === deadLetterTopicOf(config)) {
    throw usageErrors.USAGE_BAD_VALUE(`--dst-topic ${dstTopic} is the dead-letter topic itself`, { where: 'redrive' })
  }
  if (discard && dstTopic !== undefined) fail('--discard', '--dst-topic')
  if (discard && reason === undefined && node === undefined && originTopic === undefined) {
    throw usageErrors.USAGE_MISSING('--discard needs --reason, --node or --origin-topic', { where: 'redrive' })
  }
}

/** The topic from which dead letters are read; undefined if they are read from a store. */
function deadLetterTopicOf ({ deadLetterStore, deadLetterTopic = defaultDeadLetterTopic }: Config): string | undefined {
  return deadLetterStore === undefined ? deadLetterTopic : undefined
}

function sourceOf (config: Config, connection: KafkaConnection, environment: Environment): DeadLetterSource {
  const { deadLetterStore: url, deadLetterTopic: topic = defaultDeadLetterTopic, group, fromBeginning, dryRun } = config
  if (url === undefined) {
    return deadLetterTopicSource({
      connection, topic, group, from: fromBeginning ? 'earliest' : 'committed', dryRun, batches: batchOptions(config)
    })
  }
  const options = { ...bucketOptions(config, environment), access: dryRun ? 'read' as const : 'write' as const, reads: patientRetry }
  return deadLetterStoreSource({ url, open: async log => openStore(url, { ...options, log }), group, dryRun })
}

/** Leaves a dead letter for a later run if a node fails to process it. */
function leavingSink (source: DeadLetterSource, stats: RedriveStats): DeadLetterSink {
  return {
    kind: 'left in place',
    async write ({ record, error }) {
      source.leave(record.value as DeadLetterEntry)
      stats.addLeft(error)
    }
  }
}

function sendingSink (connection: KafkaConnection, config: Config): BatchSink<RestoredRecord> {
  const sink = kafkaSink({ connection })
  return {
    kind: 'kafka',
    detail: config.dstTopic ?? 'the original topics',
    open: async (context: NodeContext) => sink.open?.(context),
    writeBatch: async (values, context) => sink.writeBatch(values.map(({ record }) => record), context),
    close: async () => sink.close?.()
  }
}

function summaryOf ({ position, node, reason, message, value }: DeadLetterRecord): string {
  return `${position}  ${node}  ${reason}: ${message.replace(/\s*\n\s*/g, ' ')}  ${value?.length ?? 0} bytes`
}

function declare (config: Config, connection: KafkaConnection, host: Pick<Host, 'print' | 'requestStop' | 'environment'>) {
  const source = sourceOf(config, connection, host.environment)
  const stats = new RedriveStats()
  const { reason, node, originTopic, limit } = config
  const filters = [reason, node, originTopic].filter(list => list !== undefined)
  let taken = 0
  const isSelected = (entry: DeadLetterEntry): boolean => {
    const { deadLetter } = entry
    const selected = filters.length === 0 || (deadLetter !== undefined && (reason?.includes(deadLetter.reason) ?? true) &&
      (node?.includes(deadLetter.node) ?? true) && (originTopic?.includes(deadLetter.origin?.topic ?? '') ?? true))
    if (!selected) {
      stats.notSelected++
      source.leave(entry)
    }
    return selected
  }
  const isBeyondLimit = (entry: DeadLetterEntry): boolean => {
    if (limit === undefined || taken < limit) return false
    source.leave(entry)
    return true
  }
  const take = (): void => { if (++taken === limit) host.requestStop() }
  const graph = createGraph('redrive', { deadLetters: leavingSink(source, stats), deadLettersName: 'left', retry: patientRetry })
  const selected = graph.source('dead-letters', source, { records: CREDITS })
    .filter('choose', isSelected, { kind: 'filter', detail: filters.flat().join(', ') || 'all dead letters' })
  const detail = limit === undefined ? 'no limit' : `at most ${limit}`
  if (config.discard) {
    const discarded = selected.filter('limit', entry => {
      if (isBeyondLimit(entry)) return false
      take()
      return true
    }, { kind: 'filter', detail })
    const write = async (entry: DeadLetterEntry) => await host.print(`would discard ${entry.position}: ${summaryOf(entry.deadLetter!)}\n`)
    if (config.dryRun) discarded.to('print', { kind: 'stdout', write })
    else discarded.to('discard', { kind: 'marked as processed', write: async () => {} })
  } else {
    const restore = recordRestorer({
      connection, destination: config.dstTopic, maxRedrives: config.maxRedrives, deadLetterTopic: deadLetterTopicOf(config),
      batches: batchOptions(config)
    })
    // `restore` has concurrency 1, so that no entries beyond the limit are restored.
    const restored = selected.split('restore', async (entry): Promise<readonly RestoredRecord[]> => {
      if (isBeyondLimit(entry)) return []
      const record = await restore(entry)
      take()
      return [record]
    }, { kind: 'record', detail })
    const write = async ({ entry, deadLetter, record }: RestoredRecord) =>
      await host.print(`would send ${entry.position} to ${record.topic}: ${summaryOf(deadLetter)}\n`)
    if (config.dryRun) restored.to('print', { kind: 'stdout', write })
    else restored.toBatches('send', sendingSink(connection, config), { count: 50, bytes: 8 * 1024 * 1024, ms: 50 }, { retry: noRetry })
  }
  return { graph: graph.build(), source, stats }
}

export default mode({
  mode: 'redrive',
  about: 'Each record is sent unchanged, with a header dead-letter-redriven that counts how often it was sent back. A second run sends ' +
    'only what has not been sent yet. All consumers of the topic receive the record, so a record sent back to alerts-simulated ' +
    'reaches every community broker again. To reach only the archive, send to a separate topic with --dst-topic alerts-redriven and let ' +
    'the ingester read both topics: ingest --topic alerts-simulated,alerts-redriven. Dead letters stay for a later run if the flags ' +
    'do not select them, their value is no longer available, they come from a file, or they were sent back too often.',
  examples: [
    'alert-stream redrive --dry-run', 'alert-stream redrive --from-beginning --reason UNKNOWN_SCHEMA --dst-topic alerts-redriven',
    'alert-stream redrive --dead-letter-store file:///var/dead-letters', 'alert-stream redrive --discard --reason FRAME_BAD_MAGIC'
  ],
  flags: redriveFlags,
  describe: config => {
    checkFlags(config)
    return declare(config, describedConnection(config), { print: async () => {}, requestStop: () => {}, environment: {} }).graph.describe()
  },
  async run (config, _positionals, host) {
    checkFlags(config)
    const { graph, source, stats } = declare(config, await connectionOf(config, 'alert-stream-redrive', host.log), host)
    const run = await runToEnd(graph, host)
    const count = run.meters().find(({ node }) => ['send', 'discard', 'print'].includes(node))?.out ?? 0
    const verb = config.discard ? 'discarded' : 'sent'
    await host.print(stats.line(config.dryRun ? `${count} would be ${verb}` : `${count} ${verb}`, source))
    const where = source.detail
    if (stats.rejected.size > 0) {
      const counts = [...stats.rejected].map(([code, count]) => `${count} ${code}`).join(', ')
      throw redriveErrors.REDRIVE_REFUSED(`the brokers rejected dead letters: ${counts}`, { where })
    }
    if (source.unread > 0) {
      const what = `${counted(source.unread, 'dead letter')} not read, because the group cannot track more unsent dead letters`
      throw redriveErrors.REDRIVE_MARKS_FULL(what, { where })
    }
  }
})
