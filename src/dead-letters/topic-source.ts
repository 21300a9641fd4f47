// Dead letters of a topic, from where a group has got to up to the end as it is when the source opens. What is done with is committed to the
// group: the first offset that is not, and beside it the runs beyond that are, so that a letter that is left neither holds the others back
// nor makes them come again. The group has no members; two runs at once are found out by each other's commits.
import { setTimeout as sleep } from 'node:timers/promises'
import { topicSnapshot, readTopic, type KafkaTopicSource } from '../sources/kafka-topic.ts'
import { letterSourceErrors, type FoundLetter, type LetterRecord, type LetterSource } from './dead-letter-source.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { DoneOffsets } from './redriven-offsets.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import { GroupCoordinator, noMember, type CommittedMetadata } from '../kafka/group-coordinator.ts'
import { readLetter } from './dead-letter.ts'
import { partitionKey } from '../kafka/offset-tracker.ts'
import { position, type KafkaRecord } from '../kafka/record.ts'
import { asError, isRetryable, messageOf, persist, silent, type Logger, type NodeContext } from '../pipeline/index.ts'

export interface LetterTopicOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  readonly group: string
  /** `committed`: partitions that hold letters and of which the group has committed nothing are an error. `earliest`: they begin with the first. */
  readonly from: 'committed' | 'earliest'
  /** Commits nothing. */
  readonly lookOnly?: boolean | undefined
  /** Longest text of runs beside an offset at which no more letters are handed out. Default 3400: what may be in hand then still fits. */
  readonly maxMetadata?: number | undefined
}

interface Lane {
  readonly partition: number
  readonly done: DoneOffsets
  readonly end: bigint
  /** Offset of the next record to hand out. */
  next: bigint
  /** As the group has it. */
  committed: CommittedMetadata | undefined
  /** Sent in a commit whose answer may have been lost. */
  attempted: CommittedMetadata | undefined
}

const MAX_METADATA = 3400
const COMMIT_MS = 1000
/** What was sent and not committed is sent again after a kill, for every reader of the topic to see: commits are cheaper. */
const COMMIT_RECORDS = 50
/** Done and not committed, at which no more letters are handed out. */
const MAX_UNCOMMITTED = 100
/** About 10 s on average. */
const coordinatorRetry = { attempts: 20, baseMs: 1000, maxMs: 1000 }
const CHECK_EVERY = 50
const FIELDS = /^topic-id=([^;]*)(?:;done=(.*))?$/

/**
 * Errors at open: KAFKA_TOPIC_MISSING, REDRIVE_NOTHING_COMMITTED, KAFKA_REFUSED (the group has members), KAFKA_NOT_AUTHORISED, and those of
 * reaching Kafka. Later: those of readTopic, REDRIVE_CONCURRENT.
 */
export function letterTopic (options: LetterTopicOptions): LetterSource {
  return new LetterTopic(options)
}

class LetterTopic implements LetterSource {
  readonly kind = 'kafka topic of letters'
  readonly detail: string
  readonly #options: LetterTopicOptions
  readonly #coordinator: GroupCoordinator
  readonly #left = new Set<FoundLetter>()
  readonly #where = new Map<FoundLetter, { readonly lane: Lane, readonly offset: bigint }>()
  #lanes: readonly Lane[] = []
  #topicId = ''
  #reader: KafkaTopicSource | undefined
  #timer: NodeJS.Timeout | undefined
  #committing: Promise<void> | undefined
  #error: Error | undefined
  #full = false
  #uncommitted = 0
  #outage = false
  #log: Logger = silent

  constructor (options: LetterTopicOptions) {
    this.#options = options
    this.#coordinator = new GroupCoordinator(options.connection, options.group)
    this.detail = `${options.topic} as ${options.group}`
  }

  get unread (): number {
    return this.#full ? Number(this.#lanes.reduce((sum, { next, end }) => sum + (end > next ? end - next : 0n), 0n)) : 0
  }

  async open (context: NodeContext): Promise<void> {
    const { connection, topic, group, from, lookOnly } = this.#options
    this.#log = context.log
    const found = await topicSnapshot(connection, topic)
    if (found === undefined) throw kafkaErrors.KAFKA_TOPIC_MISSING('cannot read letters: the topic does not exist', { where: `${topic} at ${connection.brokers}` })
    this.#topicId = found.id
    // A broker that was just started has no coordinator for some seconds.
    const partitions = found.start.map((_, partition) => ({ topic, partition }))
    const committed = await persist(async () => await this.#coordinator.committed(partitions), coordinatorRetry, context.drain)
    const unknown: number[] = []
    this.#lanes = found.start.map((start, partition): Lane => {
      const before = committed.get(partitionKey(topic, partition))
      const [, topicId, runs] = FIELDS.exec(before?.metadata ?? '') ?? []
      // An offset of a topic that was recreated since means nothing in the new one.
      const valid = before !== undefined && (topicId === undefined || topicId === found.id)
      const end = found.end[partition] ?? start
      if (!valid && end > start) unknown.push(partition)
      const done = new DoneOffsets(valid ? before.offset : start, valid ? runs : undefined)
      // What retention has deleted is done with.
      if (start > done.low) done.add(done.low, start)
      return { partition, done, end, next: done.low, committed: before, attempted: undefined }
    })
    if (unknown.length > 0 && from === 'committed' && lookOnly !== true) {
      throw letterSourceErrors.REDRIVE_NOTHING_COMMITTED(`group ${group} has committed nothing of partition ${unknown.join(', ')}`, { where: `${topic} at ${connection.brokers}` })
    }
    // Before anything is handed out: what could not be noted must not be sent.
    if (lookOnly !== true) await persist(async () => { await this.#commit(() => true) }, coordinatorRetry, context.drain)
    const to = this.#lanes.map(({ end, next }) => end > next ? end : next)
    this.#reader = readTopic({ connection, topic, topicId: found.id, from: this.#lanes.map(({ next }) => next), to })
    await this.#reader.open?.(context)
    if (lookOnly !== true) this.#timer = setInterval(() => { this.#commitSoon() }, COMMIT_MS)
  }

  async * records (context: NodeContext): AsyncGenerator<LetterRecord> {
    if (this.#reader === undefined) throw new Error('the source is not open')
    let count = 0
    for await (const { value: record, bytes } of this.#reader.records(context)) {
      if (this.#error !== undefined) throw this.#error
      const lane = this.#lanes[record.partition]!
      // What the log skips (transaction markers, compaction) is no letter.
      lane.done.add(lane.next, record.offset)
      lane.next = record.offset + 1n
      if (lane.done.has(record.offset)) continue
      if (++count % CHECK_EVERY === 0 && this.#isFull()) {
        lane.next = record.offset
        this.#full = true
        return
      }
      await this.#committedEnough(context.drain)
      const value = foundIn(record)
      this.#where.set(value, { lane, offset: record.offset })
      yield { value, bytes, position: value.position }
    }
    if (!context.drain.aborted) for (const lane of this.#lanes) lane.done.add(lane.next, lane.end)
  }

  leave (found: FoundLetter): void {
    this.#left.add(found)
  }

  settled ({ value }: LetterRecord, failure?: Error): void {
    const at = this.#where.get(value)
    this.#where.delete(value)
    const left = this.#left.delete(value)
    if (failure !== undefined || left) return
    at?.lane.done.add(at.offset)
    if (this.#options.lookOnly !== true && ++this.#uncommitted >= COMMIT_RECORDS) this.#commitSoon()
  }

  /** Commits what is done with, also where nothing is new: offsets that nobody commits expire. */
  async flush (): Promise<void> {
    clearInterval(this.#timer)
    await this.#committing
    if (this.#options.lookOnly === true) return
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

  #isFull (): boolean {
    const max = this.#options.maxMetadata ?? MAX_METADATA
    return this.#lanes.some(({ done }) => done.encode().length > max)
  }

  #commitSoon (): void {
    if (this.#committing !== undefined) return
    const changed = (lane: Lane): boolean => lane.committed?.offset !== lane.done.low || lane.committed.metadata !== this.#metadata(lane)
    if (this.#error !== undefined || !this.#lanes.some(changed)) return
    const { group } = this.#options
    this.#committing = this.#commit(changed).then(() => {
      if (this.#outage) this.#log.info({ group }, 'offsets are committed again')
      this.#outage = false
    }, (error: unknown) => {
      if (!isRetryable(error)) this.#error = asError(error)
      else this.#log[this.#outage ? 'debug' : 'warn']({ group, reason: messageOf(error) }, 'cannot commit offsets: trying again until that works, and sending nothing meanwhile')
      this.#outage = true
    }).finally(() => { this.#committing = undefined })
  }

  async #committedEnough (drain: AbortSignal): Promise<void> {
    while (this.#uncommitted >= MAX_UNCOMMITTED && this.#error === undefined && !drain.aborted) {
      this.#commitSoon()
      await this.#committing
      // The coordinator is away: what cannot be noted is not sent.
      if (this.#uncommitted >= MAX_UNCOMMITTED) await sleep(COMMIT_MS / 2, undefined, { signal: drain }).catch(() => {})
    }
  }

  async #commit (which: (lane: Lane) => boolean): Promise<void> {
    const { topic, group, connection } = this.#options
    const there = await this.#coordinator.committed(this.#lanes.map(({ partition }) => ({ topic, partition })))
    for (const { partition, committed, attempted } of this.#lanes) {
      const other = there.get(partitionKey(topic, partition))
      if (same(other, committed) || (attempted !== undefined && same(other, attempted))) continue
      throw letterSourceErrors.REDRIVE_CONCURRENT(`another process commits to group ${group}`, { where: `${topic}[${partition}] at ${connection.brokers}` })
    }
    const count = this.#uncommitted
    const offsets = this.#lanes.filter(which).map(lane => ({ topic, partition: lane.partition, offset: lane.done.low, metadata: this.#metadata(lane), lane }))
    for (const { lane, offset, metadata } of offsets) lane.attempted = { offset, metadata }
    await this.#coordinator.commit(noMember, offsets, ({ metadata }) => metadata)
    for (const { lane, offset, metadata } of offsets) lane.committed = { offset, metadata }
    this.#uncommitted -= count
  }

  #metadata ({ done }: Lane): string {
    const runs = done.encode()
    return `topic-id=${this.#topicId}${runs === '' ? '' : `;done=${runs}`}`
  }
}

function same (a: CommittedMetadata | undefined, b: CommittedMetadata | undefined): boolean {
  return a?.offset === b?.offset && a?.metadata === b?.metadata
}

function foundIn (record: KafkaRecord): FoundLetter {
  const at = position(record)
  const letter = readLetter(record)
  return letter === undefined ? { position: at, letter, problem: letterSourceErrors.NOT_A_LETTER('the record is no dead letter', { where: at }) } : { position: at, letter }
}
