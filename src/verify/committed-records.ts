// The records of topics below the committed offsets of a group, read without joining the group and without committing.
// Emits: the records of one topic after the other. Completes: after the last committed offset. If retention deletes records before they are
// read, these offsets count as expired and reading continues behind them.
import { KafkaAdmin, type TopicSnapshot } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { BatchOptions } from '../kafka/damaged-batches.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import type { StartRetry } from '../kafka/start-retry.ts'
import { errorCode, persist, type NodeContext, type Source, type SourceRecord } from '../pipeline/index.ts'
import { readTopic, topicSnapshot } from '../sources/kafka-topic.ts'
import { verifyErrors } from './errors.ts'

/** The committed offsets of one partition, and how far they have been read. */
interface CommittedPartition {
  readonly topic: string
  readonly partition: number
  /** Committed offset of the group when the check started; undefined if the group has committed none. */
  readonly committed: bigint | undefined
  /** First and last offset (exclusive) of the log when the check started. */
  readonly logStart: bigint
  readonly logEnd: bigint
  /** Offset of the next record to read. */
  next: bigint
  /** Offset before which reading stops: the committed offset, or the end of a shorter log. */
  end: bigint
  /** Committed offsets below the start of the log. Retention has deleted their records. */
  expired: bigint
  /** Committed offsets at or above the end of the log, which has lost its last records. */
  truncated: bigint
}

export interface CommittedTopic {
  readonly topic: string
  readonly id: string
  readonly partitions: readonly CommittedPartition[]
}

/** Maximum bytes of a fetch response. The reader holds about twice as much per broker. */
const MAX_BYTES = 4 * 1024 * 1024
/** Retries for about 10 s on average. */
const coordinatorRetry = { attempts: 20, baseMs: 1000, maxMs: 1000 }

/** Reads the committed offsets. Errors: KAFKA_TOPIC_MISSING, VERIFY_NOTHING_COMMITTED and those of KafkaAdmin. */
export async function committedTopics (
  connection: KafkaConnection, topics: readonly string[], group: string, startRetry?: StartRetry
): Promise<CommittedTopic[]> {
  const admin = new KafkaAdmin(connection, startRetry === undefined ? {} : { startRetry })
  const found: CommittedTopic[] = []
  try {
    for (const topic of new Set(topics)) {
      const where = `${topic} at ${connection.brokers}`
      const missing = kafkaErrors.KAFKA_TOPIC_MISSING('cannot verify the topic: it does not exist', { where })
      const described = await admin.describeTopic(topic)
      if (described === undefined) throw missing
      // Retry, because the group coordinator is unavailable for some seconds after a broker starts.
      const committed = await persist(async () => await admin.committed(group, topic, described.partitions), coordinatorRetry)
      // The snapshot is taken after the offsets are read. Otherwise, offsets committed in between would lie above the end of the log.
      const snapshot = await admin.snapshot(topic)
      if (snapshot === undefined) throw missing
      found.push({ topic, id: snapshot.id, partitions: committed.map((offset, partition) => partitionOf(snapshot, partition, offset)) })
    }
  } finally {
    await admin.close()
  }
  if (found.every(({ partitions }) => partitions.every(({ committed }) => committed === undefined))) {
    const what = `group ${group} has committed no offset of ${topics.join(', ')}`
    throw verifyErrors.VERIFY_NOTHING_COMMITTED(what, { where: connection.brokers })
  }
  return found
}

function partitionOf ({ topic, start, end }: TopicSnapshot, partition: number, committed: bigint | undefined): CommittedPartition {
  const [logStart, logEnd] = [start[partition] ?? 0n, end[partition] ?? 0n]
  const from = committed ?? logStart
  return clamped({
    topic, partition, committed, logStart, logEnd, next: committed === undefined ? from : 0n, end: from, expired: 0n, truncated: 0n
  }, logStart, logEnd)
}

/** Moves `next` to the start of the log and `end` to its end, and counts the offsets in between that cannot be read. */
function clamped (at: CommittedPartition, logStart: bigint, logEnd: bigint): CommittedPartition {
  const next = larger(at.next, smaller(logStart, at.end))
  const end = larger(next, smaller(logEnd, at.end))
  at.expired += next - at.next
  at.truncated += at.end - end
  at.next = next
  at.end = end
  return at
}

export interface CommittedRecordsOptions {
  readonly connection: KafkaConnection
  /** Topics to read, for descriptions. */
  readonly topics: readonly string[]
  readonly group: string
  /** Returns the result of `committedTopics`. Called when the source is pulled. */
  readonly committed: () => readonly CommittedTopic[]
  /** Limits of record batches. Records above the limit are emitted without their content. */
  readonly batches?: BatchOptions | undefined
}

/** Errors: KAFKA_TOPIC_MISSING, KAFKA_TOPIC_RECREATED and the other errors of readTopic except KAFKA_OFFSET_LOST. */
export function committedRecords ({ connection, topics, group, committed, batches }: CommittedRecordsOptions): Source<KafkaRecord> {
  async function * read (topic: CommittedTopic, context: NodeContext): AsyncGenerator<SourceRecord<KafkaRecord>> {
    const { partitions } = topic
    const reader = readTopic({
      connection, topic: topic.topic, maxBytes: MAX_BYTES,
      snapshot: {
        topic: topic.topic, id: topic.id, partitions: partitions.length,
        start: partitions.map(at => at.logStart), end: partitions.map(at => at.logEnd)
      },
      batches, omitsLarge: true, from: partitions.map(({ next }) => next), to: partitions.map(({ end }) => end)
    })
    try {
      await reader.open?.(context)
      for await (const record of reader.records(context)) {
        const at = partitions[record.value.partition]
        // The topic may have got more partitions since the check started.
        if (at === undefined) continue
        at.next = record.value.offset + 1n
        yield record
      }
      if (!context.drain.aborted) for (const at of partitions) at.next = at.end
    } finally {
      await reader.close?.()
    }
  }

  return {
    kind: 'kafka topic',
    detail: `${topics.join(', ')} to the offsets of ${group}`,
    async * records (context) {
      for (const topic of committed()) {
        while (topic.partitions.some(({ next, end }) => next < end) && !context.drain.aborted) {
          try {
            yield * read(topic, context)
          } catch (error) {
            if (errorCode(error) !== 'KAFKA_OFFSET_LOST' || !await skipLost(connection, topic)) throw error
          }
        }
      }
    }
  }
}

/** Skips the offsets that the log no longer has. Returns false if the log has all of them. */
async function skipLost (connection: KafkaConnection, { topic, partitions }: CommittedTopic): Promise<boolean> {
  const snapshot = await topicSnapshot(connection, topic)
  let lost = false
  for (const at of partitions) {
    const before = at.expired + at.truncated
    clamped(at, snapshot?.start[at.partition] ?? 0n, snapshot?.end[at.partition] ?? at.end)
    lost ||= at.expired + at.truncated !== before
  }
  return lost
}

function larger (a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function smaller (a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
