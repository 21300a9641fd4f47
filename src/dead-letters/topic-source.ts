// The dead letters of a topic, from the committed offsets of a group to the end offsets at the time of opening. For each partition, the
// source commits the first unprocessed offset to the group, with the processed ranges above it as metadata (see processed-offsets.ts).
// Repeated dead letters count as processed. The group has no members; a concurrent run is detected by its commits.
import { setTimeout as sleep } from 'node:timers/promises'
import { topicSnapshot, readTopic, type KafkaTopicSource } from '../sources/kafka-topic.ts'
import { deadLetterSourceErrors, type DeadLetterEntry, type DeadLetterSource } from './dead-letter-source.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { BatchOptions } from '../kafka/damaged-batches.ts'
import { ProcessedOffsets } from './processed-offsets.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import { GroupCoordinator, noMember, type CommittedMetadata } from '../kafka/group-coordinator.ts'
import { parseDeadLetter } from './dead-letter.ts'
import { LeaderEpochs, UNKNOWN_EPOCH } from '../kafka/leader-epochs.ts'
import { DeadLetterRepeats } from './repeats.ts'
import { partitionKey } from '../kafka/offset-tracker.ts'
import { position, type KafkaRecord } from '../kafka/record.ts'
import { asError, isRetryable, messageOf, persist, silent, type Logger, type NodeContext, type SourceRecord } from '../pipeline/index.ts'

export interface DeadLetterTopicSourceOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  readonly group: string
  /** If a non-empty partition has no committed offset, `committed` makes `open` fail, and `earliest` starts at the first dead letter. */
  readonly from: 'committed' | 'earliest'
  /** If true, the source commits nothing. */
  readonly dryRun?: boolean | undefined
  /** Metadata size in bytes at which the source emits no more dead letters. Default: 3400, which leaves room for records in flight. */
  readonly maxMetadata?: number | undefined
  /** Limits of record batches, and damaged batches of the topic to skip. */
  readonly batches?: BatchOptions | undefined
}

interface PartitionProgress {
  readonly partition: number
  readonly processed: ProcessedOffsets
  readonly end: bigint
  readonly epochs: LeaderEpochs
  /** Offset of the next record to emit. */
  next: bigint
  /** Last known commit of the group. */
  committed: CommittedMetadata | undefined
  /** Last commit that was sent. Its response may have been lost. */
  attempted: CommittedMetadata | undefined
}

const MAX_METADATA = 3400
const COMMIT_MS = 1000
/** Number of processed records that triggers a commit before COMMIT_MS has passed. After a kill, uncommitted records are sent again. */
const COMMIT_RECORDS = 50
/** Number of processed but uncommitted records at which no more dead letters are emitted. */
const MAX_UNCOMMITTED = 100
/** Number of dead letters per partition, before the first unprocessed one, that are read again to recognise their repeats. */
const LOOK_BACK = 1000n
/** Retries for about 30 s on average: coordinators may be moving from a broker that restarts. */
const coordinatorRetry = { attempts: 60, baseMs: 1000, maxMs: 1000 }
const METADATA_CHECK_RECORDS = 50
const METADATA = /^topic-id=([^;]*)(?:;done=(.*))?$/

/**
 * Errors at open: KAFKA_TOPIC_MISSING, REDRIVE_NOTHING_COMMITTED, KAFKA_REFUSED (the group has members), KAFKA_NOT_AUTHORISED, KAFKA_*.
 * Errors after open: REDRIVE_CONCURRENT and the errors of readTopic.
 */
export function deadLetterTopicSource (options: DeadLetterTopicSourceOptions): DeadLetterSource {
  return new DeadLetterTopicSource(options)
}

class DeadLetterTopicSource implements DeadLetterSource {
  readonly kind = 'dead-letter topic'
  readonly detail: string
  readonly #options: DeadLetterTopicSourceOptions
  readonly #coordinator: GroupCoordinator
  readonly #left = new Set<DeadLetterEntry>()
  readonly #inFlight = new Map<DeadLetterEntry, { readonly progress: PartitionProgress, readonly offset: bigint }>()
  #partitions: readonly PartitionProgress[] = []
  #topicId = ''
  #reader: KafkaTopicSource | undefined
  #timer: NodeJS.Timeout | undefined
  #committing: Promise<void> | undefined
  #error: Error | undefined
  #full = false
  #uncommitted = 0
  #outage = false
  readonly #seen = new DeadLetterRepeats()
  #repeats = 0
  #log: Logger = silent

  constructor (options: DeadLetterTopicSourceOptions) {
    this.#options = options
    this.#coordinator = new GroupCoordinator(options.connection, options.group)
    this.detail = `${options.topic} as ${options.group}`
  }

  get unread (): number {
    return this.#full ? Number(this.#partitions.reduce((sum, { next, end }) => sum + (end > next ? end - next : 0n), 0n)) : 0
  }

  get repeats (): number {
    return this.#repeats
  }

  async open (context: NodeContext): Promise<void> {
    const { connection, topic, group, from: start, dryRun, batches } = this.#options
    const where = `${topic} at ${connection.brokers}`
    this.#log = context.log
    const snapshot = await topicSnapshot(connection, topic, { log: context.log, signal: context.drain })
    if (snapshot === undefined) throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot read dead letters: the topic does not exist', { where })
    this.#topicId = snapshot.id
    // Retry, because the group coordinator is unavailable for some seconds after a broker starts.
    const partitions = snapshot.start.map((_, partition) => ({ topic, partition }))
    const committed = await persist(async () => await this.#coordinator.committed(partitions), coordinatorRetry, context.drain)
    const uncommitted: number[] = []
    this.#partitions = snapshot.start.map((first, partition): PartitionProgress => {
      const before = committed.get(partitionKey(topic, partition))
      const [, topicId, ranges] = METADATA.exec(before?.metadata ?? '') ?? []
      // Offsets that were committed for an earlier topic of the same name are invalid.
      const valid = before !== undefined && (topicId === undefined || topicId === snapshot.id)
      const end = snapshot.end[partition] ?? first
      if (!valid && end > first) uncommitted.push(partition)
      const processed = new ProcessedOffsets(valid ? before.offset : first, valid ? ranges : undefined)
      // Records deleted by retention count as processed.
      if (first > processed.commitOffset) processed.add(processed.commitOffset, first)
      const epochs = new LeaderEpochs(processed.commitOffset, valid ? before.leaderEpoch : UNKNOWN_EPOCH)
      return { partition, processed, end, epochs, next: processed.commitOffset, committed: before, attempted: undefined }
    })
    if (uncommitted.length > 0 && start === 'committed' && dryRun !== true) {
      const what = `group ${group} has no committed offset for partition ${uncommitted.join(', ')}`
      throw deadLetterSourceErrors.REDRIVE_NOTHING_COMMITTED(what, { where })
    }
    // Commit before the first record is emitted, because nothing may be sent if commits fail.
    if (dryRun !== true) await persist(async () => { await this.#commit(() => true) }, coordinatorRetry, context.drain)
    const to = this.#partitions.map(({ end, next }) => end > next ? end : next)
    const readFrom = this.#partitions.map(({ next, end, partition }) => {
      const start = snapshot.start[partition] ?? 0n
      return next >= end ? next : next - LOOK_BACK > start ? next - LOOK_BACK : start
    })
    const leaderEpochs = this.#partitions.map(({ epochs, next, partition }) =>
      readFrom[partition] === next ? epochs.before(next) : UNKNOWN_EPOCH)
    this.#reader = readTopic({ connection, topic, snapshot, from: readFrom, leaderEpochs, to, batches })
    await this.#reader.open?.(context)
    if (dryRun !== true) this.#timer = setInterval(() => { this.#startCommit() }, COMMIT_MS)
  }

  async * records (context: NodeContext): AsyncGenerator<SourceRecord<DeadLetterEntry>> {
    if (this.#reader === undefined) throw new Error('the source is not open')
    let count = 0
    for await (const { value: record, bytes } of this.#reader.records(context)) {
      if (this.#error !== undefined) throw this.#error
      const progress = this.#partitions[record.partition]!
      const value = toEntry(record)
      const isRepeat = value.deadLetter !== undefined && this.#seen.isRepeat(value.deadLetter)
      if (record.offset < progress.next) continue
      // Offsets without a record count as processed: transaction markers, and records removed by compaction.
      progress.processed.add(progress.next, record.offset)
      progress.epochs.append(record.leaderEpoch, record.offset)
      progress.next = record.offset + 1n
      if (progress.processed.has(record.offset)) continue
      if (isRepeat) {
        this.#repeats++
        this.#process(progress, record.offset)
        continue
      }
      if (++count % METADATA_CHECK_RECORDS === 0 && this.#isFull()) {
        progress.next = record.offset
        this.#full = true
        return
      }
      await this.#waitForCommits(context.drain)
      this.#inFlight.set(value, { progress, offset: record.offset })
      yield { value, bytes, position: value.position }
    }
    if (!context.drain.aborted) for (const { processed, next, end } of this.#partitions) processed.add(next, end)
  }

  leave (entry: DeadLetterEntry): void {
    this.#left.add(entry)
  }

  settled ({ value }: SourceRecord<DeadLetterEntry>, failure?: Error): void {
    const found = this.#inFlight.get(value)
    this.#inFlight.delete(value)
    const left = this.#left.delete(value)
    if (failure !== undefined || left) return
    if (found !== undefined) this.#process(found.progress, found.offset)
  }

  /** Commits the offsets of all partitions, even if they are unchanged, because committed offsets expire. */
  async flush (): Promise<void> {
    clearInterval(this.#timer)
    await this.#committing
    if (this.#options.dryRun === true) return
    await persist(async () => {
      if (this.#error !== undefined) throw this.#error
      await this.#commit(() => true)
    }, coordinatorRetry)
  }

  async close (): Promise<void> {
    clearInterval(this.#timer)
    await this.#reader?.close?.()
    await this.#coordinator.close()
  }

  #process ({ processed }: PartitionProgress, offset: bigint): void {
    processed.add(offset)
    if (this.#options.dryRun !== true && ++this.#uncommitted >= COMMIT_RECORDS) this.#startCommit()
  }

  #isFull (): boolean {
    const max = this.#options.maxMetadata ?? MAX_METADATA
    return this.#partitions.some(({ processed }) => processed.encode().length > max)
  }

  #startCommit (): void {
    if (this.#committing !== undefined) return
    const isChanged = (progress: PartitionProgress): boolean =>
      progress.committed?.offset !== progress.processed.commitOffset || progress.committed.metadata !== this.#metadata(progress)
    if (this.#error !== undefined || !this.#partitions.some(isChanged)) return
    const { group } = this.#options
    this.#committing = this.#commit(isChanged).then(() => {
      if (this.#outage) this.#log.info({ group }, 'offset commits succeed again')
      this.#outage = false
    }, (error: unknown) => {
      const fields = { group, reason: messageOf(error) }
      if (!isRetryable(error)) this.#error = asError(error)
      else this.#log[this.#outage ? 'debug' : 'warn'](fields, 'cannot commit offsets: sending nothing until a commit succeeds')
      this.#outage = true
    }).finally(() => { this.#committing = undefined })
  }

  async #waitForCommits (drain: AbortSignal): Promise<void> {
    while (this.#uncommitted >= MAX_UNCOMMITTED && this.#error === undefined && !drain.aborted) {
      this.#startCommit()
      await this.#committing
      if (this.#uncommitted >= MAX_UNCOMMITTED) await sleep(COMMIT_MS / 2, undefined, { signal: drain }).catch(() => {})
    }
  }

  async #commit (which: (progress: PartitionProgress) => boolean): Promise<void> {
    const { topic, group, connection } = this.#options
    const current = await this.#coordinator.committed(this.#partitions.map(({ partition }) => ({ topic, partition })))
    for (const { partition, committed, attempted } of this.#partitions) {
      const found = current.get(partitionKey(topic, partition))
      if (isSame(found, committed) || (attempted !== undefined && isSame(found, attempted))) continue
      const where = `${topic}[${partition}] at ${connection.brokers}`
      throw deadLetterSourceErrors.REDRIVE_CONCURRENT(`another process commits offsets of group ${group}`, { where })
    }
    const count = this.#uncommitted
    const offsets = this.#partitions.filter(which).map(progress => {
      const offset = progress.processed.commitOffset
      const leaderEpoch = progress.epochs.before(offset)
      return { topic, partition: progress.partition, offset, leaderEpoch, metadata: this.#metadata(progress), progress }
    })
    for (const { progress, offset, leaderEpoch, metadata } of offsets) progress.attempted = { offset, leaderEpoch, metadata }
    await this.#coordinator.commit(noMember, offsets, ({ metadata }) => metadata)
    for (const { progress, offset, leaderEpoch, metadata } of offsets) progress.committed = { offset, leaderEpoch, metadata }
    this.#uncommitted -= count
  }

  #metadata ({ processed }: PartitionProgress): string {
    const ranges = processed.encode()
    return `topic-id=${this.#topicId}${ranges === '' ? '' : `;done=${ranges}`}`
  }
}

function isSame (a: CommittedMetadata | undefined, b: CommittedMetadata | undefined): boolean {
  return a?.offset === b?.offset && a?.metadata === b?.metadata
}

function toEntry (record: KafkaRecord): DeadLetterEntry {
  const at = position(record)
  const deadLetter = parseDeadLetter(record)
  if (deadLetter !== undefined) return { position: at, deadLetter }
  return { position: at, deadLetter, problem: deadLetterSourceErrors.NOT_A_LETTER('the record is not a dead letter', { where: at }) }
}
