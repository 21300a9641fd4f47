// Monitors existence, id and partition count of the subscribed topics. Reports changes, so that the consumer subscribes to new topics,
// reads recreated topics from the beginning and picks up new partitions.
import type { Logger } from '../pipeline/log.ts'
import type { KafkaAdmin, TopicDescription } from './admin.ts'
import type { Clock } from './clock.ts'

export interface TopicMonitorOptions {
  readonly admin: Pick<KafkaAdmin, 'describeTopic'>
  readonly topics: readonly string[]
  /** Interval of the checks in ms. While a topic is missing, the interval is at most 1 s. */
  readonly interval: number
  readonly clock: Clock
  readonly log: Logger
  /** Called when a check finds that a topic was created, deleted or recreated, or has more partitions. */
  onChange (): void
}

const MISSING_INTERVAL_MS = 1000

export class TopicMonitor {
  readonly #options: TopicMonitorOptions
  readonly #existing = new Map<string, TopicDescription>()
  /** Last known id of each topic, including deleted topics. */
  readonly #lastIds = new Map<string, string>()
  /** Ids of the topics that the first check found. */
  #atStart: ReadonlySet<string> | undefined
  readonly #stop = new AbortController()
  #checkNow = new AbortController()
  #running: Promise<void> | undefined

  constructor (options: TopicMonitorOptions) {
    this.#options = options
  }

  /** Topics that exist, in configured order. */
  get existing (): string[] {
    return this.#options.topics.filter(topic => this.#existing.has(topic))
  }

  get missing (): string[] {
    return this.#options.topics.filter(topic => !this.#existing.has(topic))
  }

  topicId (topic: string): string | undefined {
    return this.#existing.get(topic)?.id
  }

  /** Whether the topic existed, with its current id, at the first check. */
  existedAtStart (topic: string): boolean {
    const id = this.topicId(topic)
    return id !== undefined && this.#atStart?.has(id) === true
  }

  /** Describes each topic once. Returns whether any topic has changed. */
  async check (): Promise<boolean> {
    const { admin, topics, log } = this.#options
    let changed = false
    for (const topic of topics) {
      const before = this.#existing.get(topic)
      const found = await admin.describeTopic(topic)
      if (before?.id === found?.id && before?.partitions === found?.partitions) continue
      changed = true
      if (found === undefined) {
        this.#existing.delete(topic)
        log.warn({ topic }, 'topic was deleted: waiting until it exists again')
        continue
      }
      this.#existing.set(topic, found)
      const lastId = this.#lastIds.get(topic)
      this.#lastIds.set(topic, found.id)
      if (lastId !== undefined && lastId !== found.id) log.warn({ topic }, 'topic was recreated: reading it from the beginning')
      else if (before === undefined) log.info({ topic, partitions: found.partitions }, 'topic exists')
      else log.info({ topic, partitions: found.partitions }, 'the number of partitions changed')
    }
    this.#atStart ??= new Set([...this.#existing.values()].map(({ id }) => id))
    return changed
  }

  /** Starts the periodic checks. `close` ends them. */
  start (): void {
    this.#running ??= this.#run()
  }

  /** Triggers a check immediately. If `id` is still the id of the topic, the topic counts as missing until the check. */
  invalidate (topic?: string, id?: string): void {
    if (topic !== undefined && this.#existing.get(topic)?.id === id) this.#existing.delete(topic)
    this.#checkNow.abort()
  }

  async close (): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run (): Promise<void> {
    const { interval, clock, log, onChange } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      const wait = this.missing.length > 0 ? Math.min(MISSING_INTERVAL_MS, interval) : interval
      await clock.sleep(wait, AbortSignal.any([signal, this.#checkNow.signal]))
      if (signal.aborted) return
      this.#checkNow = new AbortController()
      try {
        if (await this.check() && !signal.aborted) onChange()
      } catch (error) {
        log.debug({ reason: String(error) }, 'cannot describe the topics: retrying at the next check')
      }
    }
  }
}
