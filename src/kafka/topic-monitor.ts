// Keeps an eye on the topics of a group: which exist, under which id, with how many partitions. Says when that changes, so that a topic
// created later is joined, a recreated one is read from its beginning and new partitions are taken up.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../pipeline/log.ts'
import type { KafkaAdmin, TopicDescription } from './admin.ts'

export interface GroupTopicsOptions {
  readonly admin: KafkaAdmin
  readonly topics: readonly string[]
  /** ms between looks; missing topics are looked for more often. */
  readonly interval: number
  readonly log: Logger
  /** Topics came, went, were recreated or grew. */
  onChange (): void
}

const MISSING_INTERVAL_MS = 1000

export class GroupTopics {
  readonly #options: GroupTopicsOptions
  readonly #known = new Map<string, TopicDescription>()
  /** Ids seen last, also of topics that are gone. */
  readonly #lastIds = new Map<string, string>()
  readonly #stop = new AbortController()
  #hurry = new AbortController()
  #watching: Promise<void> | undefined

  constructor (options: GroupTopicsOptions) {
    this.#options = options
  }

  /** Topics that exist, in the order given. */
  get present (): string[] {
    return this.#options.topics.filter(topic => this.#known.has(topic))
  }

  get missing (): string[] {
    return this.#options.topics.filter(topic => !this.#known.has(topic))
  }

  idOf (topic: string): string | undefined {
    return this.#known.get(topic)?.id
  }

  /** Looks at each topic once; returns whether anything changed. */
  async look (): Promise<boolean> {
    let changed = false
    for (const topic of this.#options.topics) {
      const before = this.#known.get(topic)
      const found = await this.#options.admin.describeTopic(topic)
      if (before?.id === found?.id && before?.partitions === found?.partitions) continue
      changed = true
      if (found === undefined) {
        this.#known.delete(topic)
        this.#options.log.warn({ topic }, 'the topic was deleted: waiting until it exists again')
        continue
      }
      this.#known.set(topic, found)
      const lastId = this.#lastIds.get(topic)
      this.#lastIds.set(topic, found.id)
      if (lastId !== undefined && lastId !== found.id) this.#options.log.warn({ topic }, 'the topic was recreated: reading the new one from its beginning')
      else if (before === undefined) this.#options.log.info({ topic, partitions: found.partitions }, 'the topic exists')
      else this.#options.log.info({ topic, partitions: found.partitions }, 'the topic has other partitions now')
    }
    return changed
  }

  /** Looks again and again until closed. */
  watch (): void {
    this.#watching ??= this.#watch()
  }

  /** Something says that the topic with that id is gone (or any changed): looks at once, and takes whatever it finds for news. */
  suspect (topic?: string, id?: string): void {
    if (topic !== undefined && this.#known.get(topic)?.id === id) this.#known.delete(topic)
    this.#hurry.abort()
  }

  async close (): Promise<void> {
    this.#stop.abort()
    await this.#watching
  }

  async #watch (): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const wait = this.missing.length > 0 ? Math.min(MISSING_INTERVAL_MS, this.#options.interval) : this.#options.interval
      await sleep(wait, undefined, { signal: AbortSignal.any([signal, this.#hurry.signal]) }).catch(() => {})
      if (signal.aborted) return
      this.#hurry = new AbortController()
      try {
        if (await this.look() && !signal.aborted) this.#options.onChange()
      } catch (error) {
        // Out of reach or busy: the next look will tell.
        this.#options.log.debug({ reason: String(error) }, 'could not look at the topics')
      }
    }
  }
}
