// Fetches partitions by topic id, without a group: one long poll at a time per broker, many partitions in each, positions of our own. Holds
// at most about two responses in memory per broker, lets each partition wait on its own, and goes on after broker restarts and leader moves.
// What it cannot decide (a topic that is gone, an offset that is gone, a refusal) it tells its owner.
import { Consumer, type fetchV17 } from '@platformatic/kafka'
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaErrors, mapKafkaError, nestedErrors } from './errors.ts'
import { Feed, type FeedStart } from './partition-buffer.ts'
import type { KafkaRecord } from './record.ts'
import { aclFailure } from './access-errors.ts'
import { findTopic, type FoundTopic } from './topic-lookup.ts'

type FetchResponse = fetchV17.FetchResponse
type FetchResponsePartition = fetchV17.FetchResponsePartition
type FetchRequestPartition = fetchV17.FetchRequestPartition

export interface FetcherOptions {
  readonly connection: KafkaConnection
  /** Bytes of one response, and about what is kept waiting per broker. */
  readonly maxBytes: number
  /** How long a broker may hold a fetch that finds nothing, in ms. */
  readonly maxWaitMs: number
  /** Time without any answer, in ms, after which an outage is fatal; never without it. */
  readonly giveUpAfterMs?: number | undefined
  /** Fetch for a partition of which nothing waits, however much waits of others: they are merged. */
  readonly everyPartition?: boolean | undefined
  readonly log: Logger
  /** Something can be taken, or ended. */
  onProgress (): void
  /** The topic with that id was deleted (`newId` undefined) or recreated; its feeds stay silent until they are removed. */
  onTopicGone (topic: string, topicId: string, newId: string | undefined): void
  /** The position is outside what the broker keeps; the feed is paused until the owner resets or removes it. */
  onOutOfRange (feed: Feed): void
  /** Nothing can be fetched any more. */
  onFatal (error: AlertStreamError): void
}

/** With something already waiting, idle partitions must not keep the busy ones from being fetched again for long. */
const SHORT_WAIT_MS = 20
const MIN_PARTITION_BYTES = 1024 * 1024
const BACKOFF_MS = [100, 250, 500, 1000] as const
// Codes of the protocol.
const OFFSET_OUT_OF_RANGE = 1
const TOPIC_AUTHORIZATION_FAILED = 29
/** A broker may not know a new topic yet: only the third answer in a row that says so is believed. */
const GONE_AFTER = 3

export class Fetcher {
  readonly #options: FetcherOptions
  readonly #consumer: Consumer
  readonly #feeds = new Map<string, Feed>()
  readonly #leaders = new Map<string, number>()
  readonly #busy = new Set<number>()
  readonly #doubts = new Map<string, number>()
  readonly #gone = new Set<string>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #order: Feed[] = []
  #turn = 0
  #closed = false
  #refreshing = false
  /** Something is wanted, but enough waits to be taken. */
  #held = false
  #failures = 0
  /** Codes of the outage that lasts. */
  readonly #told = new Set<string>()
  #lastAnswer = Date.now()
  #blockedUntil = 0

  constructor (options: FetcherOptions) {
    this.#options = options
    this.#consumer = new Consumer({ ...options.connection.options, groupId: 'none', retries: 0, maxWaitTime: options.maxWaitMs })
    this.#consumer.on('error', () => {})
  }

  /** Starts fetching a partition. */
  add (start: FeedStart): Feed {
    const feed = new Feed(start)
    this.#gone.delete(start.topicId)
    this.#feeds.set(feedKey(feed), feed)
    this.#order = [...this.#feeds.values()]
    this.kick()
    return feed
  }

  /** Stops fetching it and drops what was not taken. */
  remove (feed: Feed): void {
    feed.removed = true
    feed.reset(feed.fetchPosition)
    if (this.#feeds.get(feedKey(feed)) === feed) this.#feeds.delete(feedKey(feed))
    this.#order = [...this.#feeds.values()]
  }

  /** The next record, partitions taking turns; undefined where nothing waits or is admitted. */
  take (admit?: (feed: Feed) => boolean): { feed: Feed, record: KafkaRecord } | undefined {
    for (let step = 0; step < this.#order.length; step++) {
      const feed = this.#order[(this.#turn + step) % this.#order.length]!
      if (feed.waiting === 0 || feed.paused) continue
      if (admit !== undefined && !admit(feed)) {
        feed.paused = true
        continue
      }
      this.#turn = (this.#turn + step + 1) % this.#order.length
      return { feed, record: this.takeFrom(feed)! }
    }
    return undefined
  }

  /** The next record of this partition, if one waits. */
  takeFrom (feed: Feed): KafkaRecord | undefined {
    const wasHungry = this.#hungry(feed)
    const record = feed.take()
    if (this.#held || (!wasHungry && this.#hungry(feed))) this.kick()
    return record
  }

  /** Fetches whatever is wanted and not being fetched. Cheap where there is nothing to do. */
  kick (): void {
    if (this.#closed || Date.now() < this.#blockedUntil) return
    const byNode = new Map<number, Feed[]>()
    let lost = false
    for (const feed of this.#order) {
      if (!this.#hungry(feed) || this.#gone.has(feed.topicId)) continue
      const node = this.#leaders.get(feedKey(feed))
      if (node === undefined) lost = true
      else if (!this.#busy.has(node)) byNode.set(node, [...byNode.get(node) ?? [], feed])
    }
    if (lost) void this.#refresh()
    this.#held = false
    for (const [node, feeds] of byNode) {
      const waiting = this.#waitingBytes(node)
      const wanted = waiting < this.#options.maxBytes / 2 ? feeds : this.#options.everyPartition === true ? feeds.filter(feed => feed.waiting === 0) : []
      if (wanted.length > 0) void this.#fetch(node, wanted, waiting > 0)
      else this.#held = true
    }
  }

  async close (): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    for (const feed of this.#order) this.remove(feed)
    await this.#consumer.close(true).catch(() => {})
  }

  #hungry (feed: Feed): boolean {
    return !feed.removed && !feed.paused && !feed.complete && feed.bytes < this.#options.maxBytes / (2 * this.#order.length)
  }

  #waitingBytes (node: number): number {
    let bytes = 0
    for (const feed of this.#order) if (!feed.paused && this.#leaders.get(feedKey(feed)) === node) bytes += feed.bytes
    return bytes
  }

  async #fetch (node: number, feeds: readonly Feed[], short: boolean): Promise<void> {
    this.#busy.add(node)
    const requested = new Map<string, { feed: Feed, offset: bigint }>()
    const partitionMaxBytes = Math.max(MIN_PARTITION_BYTES, Math.ceil(this.#options.maxBytes / feeds.length))
    const topics = new Map<string, { topicId: string, partitions: FetchRequestPartition[] }>()
    for (const feed of rotated(feeds, this.#turn)) {
      requested.set(feedKey(feed), { feed, offset: feed.fetchPosition })
      const topic = topics.get(feed.topicId) ?? { topicId: feed.topicId, partitions: [] }
      topics.set(feed.topicId, topic)
      topic.partitions.push(fetchPartition(feed, partitionMaxBytes))
    }
    try {
      const response = await this.#consumer.fetch({
        node,
        topics: [...topics.values()],
        maxBytes: this.#options.maxBytes,
        maxWaitTime: short ? Math.min(SHORT_WAIT_MS, this.#options.maxWaitMs) : this.#options.maxWaitMs
      })
      this.#accept(response, requested)
      this.#answered()
    } catch (error) {
      if (this.#closed) return
      // A refusal of one partition rejects the whole response: the others' records are in it all the same.
      const response = nestedErrors(error).map(inner => (inner as { response?: FetchResponse }).response).find(found => found?.responses !== undefined)
      if (response !== undefined && response.errorCode === 0) {
        this.#accept(response, requested)
        this.#answered()
      } else if (response !== undefined) {
        // The broker forgot the fetch session: the next request opens another.
        this.#backOff(BACKOFF_MS[0])
      } else {
        this.#failed(error)
      }
    } finally {
      this.#busy.delete(node)
    }
    this.kick()
  }

  #accept (response: FetchResponse, requested: ReadonlyMap<string, { feed: Feed, offset: bigint }>): void {
    if (this.#closed) return
    let progress = false
    for (const { topicId, partitions } of response.responses) {
      for (const partition of partitions) {
        const asked = requested.get(`${topicId}/${partition.partitionIndex}`)
        if (asked === undefined || asked.feed.removed) continue
        if (partition.errorCode !== 0) {
          this.#refused(asked.feed, partition)
          continue
        }
        asked.feed.accept(partition, asked.offset)
        progress ||= asked.feed.fetchPosition !== asked.offset || asked.feed.complete
      }
    }
    if (progress) this.#options.onProgress()
  }

  #refused (feed: Feed, { errorCode }: FetchResponsePartition): void {
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      feed.paused = true
      this.#options.onOutOfRange(feed)
    } else if (errorCode === TOPIC_AUTHORIZATION_FAILED) {
      const { brokers, authState } = this.#options.connection
      const { why, hint } = aclFailure('TOPIC_AUTHORIZATION_FAILED', { authState, request: 'Fetch' }, { topic: feed.topic })
      this.#options.onFatal(kafkaErrors.KAFKA_NOT_AUTHORISED(`cannot read ${feed.topic}: ${why}`, { where: `${feed.topic} at ${brokers}`, hint }))
    } else {
      // A leader that moved, a topic that is gone or too new: the metadata will tell, a little later.
      this.#leaders.delete(feedKey(feed))
      this.#backOff(BACKOFF_MS[0])
    }
  }

  #answered (): void {
    if (this.#failures > 0) this.#options.log.info({ brokers: this.#options.connection.brokers }, 'kafka answers again')
    this.#failures = 0
    this.#told.clear()
    this.#lastAnswer = Date.now()
  }

  #failed (error: unknown): void {
    const topics = [...new Set(this.#order.map(feed => feed.topic))].join(',')
    const mapped = mapKafkaError(error, { action: `read ${topics}`, brokers: this.#options.connection.brokers, authState: this.#options.connection.authState })
    const { giveUpAfterMs } = this.#options
    if (!mapped.retryable || (giveUpAfterMs !== undefined && Date.now() - this.#lastAnswer > giveUpAfterMs)) {
      this.#options.onFatal(mapped)
      return
    }
    // A broker that comes back may refuse us then: that is another trouble than its absence, and told too.
    if (!this.#told.has(mapped.code)) this.#options.log.warn({ code: mapped.code, reason: mapped.message }, 'kafka does not answer: trying again until it does')
    this.#told.add(mapped.code)
    this.#leaders.clear()
    this.#backOff(BACKOFF_MS[Math.min(this.#failures++, BACKOFF_MS.length - 1)]!)
  }

  #backOff (delay: number): void {
    if (this.#closed) return
    this.#blockedUntil = Date.now() + delay
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (this.#timers.size > 0) return
      this.#blockedUntil = 0
      this.kick()
    }, delay)
    this.#timers.add(timer)
  }

  /** Learns the leaders of partitions that have none; one look-up at a time. */
  async #refresh (): Promise<void> {
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    try {
      const lost = this.#order.filter(feed => !this.#leaders.has(feedKey(feed)) && !this.#gone.has(feed.topicId))
      for (const topic of new Set(lost.map(feed => feed.topic))) {
        const found = await findTopic(this.#consumer, topic)
        if (this.#closed) return
        this.#learn(lost.filter(feed => feed.topic === topic && !feed.removed), found)
      }
      this.#answered()
    } catch (error) {
      if (!this.#closed) this.#failed(error)
    } finally {
      this.#refreshing = false
    }
    this.kick()
  }

  #learn (feeds: readonly Feed[], found: FoundTopic | undefined): void {
    for (const feed of feeds) {
      if (found?.id === feed.topicId) {
        this.#doubts.delete(feed.topicId)
        const leader = found.partitions[feed.partition]?.leader ?? -1
        if (leader >= 0) this.#leaders.set(feedKey(feed), leader)
        else this.#backOff(BACKOFF_MS[1])
      }
    }
    const strangers = new Set(feeds.map(feed => feed.topicId).filter(id => id !== found?.id))
    for (const id of strangers) {
      const doubts = (this.#doubts.get(id) ?? 0) + 1
      this.#doubts.set(id, doubts)
      if (doubts < GONE_AFTER) {
        this.#backOff(BACKOFF_MS[1])
        continue
      }
      this.#doubts.delete(id)
      this.#gone.add(id)
      this.#options.onTopicGone(feeds[0]!.topic, id, found?.id)
    }
  }
}

function feedKey (feed: Pick<Feed, 'topicId' | 'partition'>): string {
  return `${feed.topicId}/${feed.partition}`
}

function fetchPartition (feed: Feed, partitionMaxBytes: number): FetchRequestPartition {
  return { partition: feed.partition, fetchOffset: feed.fetchPosition, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes }
}

/** Another partition comes first each time, since the first may fill the whole response. */
function rotated<T> (list: readonly T[], by: number): T[] {
  const start = list.length === 0 ? 0 : by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}
