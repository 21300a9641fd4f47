// The progress of a replay: one committed offset of the group, for partition 0 of the destination topic. The offset is the number of alerts
// that were processed. Its metadata names the selection and the topic, and has a digest of the processed alerts, by which a later run finds
// out whether the archive still has the same alerts. The group has no members. A concurrent replay is detected by its commits, which have
// another run id, even if both replays have sent the same alerts.
import { createHash, randomUUID, type Hash } from 'node:crypto'
import type { KafkaConnection } from '../kafka/connection.ts'
import { GroupCoordinator, noMember, type CommittedMetadata } from '../kafka/group-coordinator.ts'
import { UNKNOWN_EPOCH } from '../kafka/leader-epochs.ts'
import { partitionKey } from '../kafka/offset-tracker.ts'
import { messageOf, persist, type Logger } from '../pipeline/index.ts'
import type { AlertTable, TableAlert } from './alert-table.ts'
import { replayErrors } from './errors.ts'

export interface ProgressOptions {
  readonly connection: KafkaConnection
  readonly group: string
  /** The destination topic, with its id: the progress of an earlier topic with the same name does not count. */
  readonly topic: string
  readonly topicId: string
  /** Name of the selection. */
  readonly selection: string
  readonly log: Logger
}

/** The metadata of the committed offset, as JSON. */
interface Metadata {
  readonly selection: string
  readonly topicId: string
  /** SHA-256 of the lines of the processed alerts. */
  readonly digest: string
  /** Number of alerts that were left out. */
  readonly leftOut: number
  /** UUID of the run that committed. */
  readonly run: string
}

/** Retries for about 30 s: coordinators may be moving from a broker that restarts. */
const coordinatorRetry = { attempts: 60, baseMs: 500, maxMs: 1000 }

export class ReplayProgress {
  readonly #options: ProgressOptions
  readonly #coordinator: GroupCoordinator
  readonly #hash: Hash = createHash('sha256')
  readonly #run = randomUUID()
  #processed = 0
  #leftOut = 0
  #expectedDigest: string | undefined
  /** The last known commit of the group. */
  #committed: CommittedMetadata | undefined
  /** The last commit that was sent. Its response may have been lost. */
  #attempted: CommittedMetadata | undefined

  constructor (options: ProgressOptions) {
    this.#options = options
    this.#coordinator = new GroupCoordinator(options.connection, options.group)
  }

  /** Number of alerts that this run and earlier runs have sent or left out. */
  get processed (): number { return this.#processed }

  /** Number of them that were left out. */
  get leftOut (): number { return this.#leftOut }

  /**
   * Reads the progress of earlier runs. Errors: REPLAY_OTHER_SELECTION; KAFKA_REFUSED (the group has members); KAFKA_NOT_AUTHORISED;
   * KAFKA_*.
   */
  async open (): Promise<void> {
    const { selection, topicId, topic, group, connection } = this.#options
    this.#committed = await this.#persist(() => this.#read())
    const found = parseMetadata(this.#committed?.metadata ?? null)
    // A commit without readable metadata is of another program, or of a consumer of the topic.
    if (this.#committed !== undefined && (found === undefined || (found.topicId === topicId && found.selection !== selection))) {
      const other = found === undefined ? 'another program uses' : `the replay of ${found.selection} uses`
      throw replayErrors.REPLAY_OTHER_SELECTION(`${other} the group ${group} for ${topic}`, { where: connection.brokers })
    }
    if (found === undefined || found.topicId !== topicId) return
    this.#processed = Number(this.#committed!.offset)
    this.#leftOut = found.leftOut
    this.#expectedDigest = found.digest
  }

  /**
   * Compares the alerts that earlier runs have processed with the beginning of the order, and commits, because nothing may be sent if
   * commits fail. Errors: REPLAY_CHANGED, KAFKA_*.
   */
  async begin (table: AlertTable, order: Uint32Array): Promise<void> {
    for (const row of order.subarray(0, this.#processed)) this.#hash.update(lineOf(table.get(row)))
    if (this.#expectedDigest !== undefined && (order.length < this.#processed || this.#digest() !== this.#expectedDigest)) {
      const what = `the first ${this.#processed} alerts of the selection are not those that were sent earlier`
      throw replayErrors.REPLAY_CHANGED(what, { where: `${this.#options.selection}, group ${this.#options.group}` })
    }
    await this.#commit()
  }

  /** Commits that these alerts, the next ones of the order, were sent or left out. Errors: REPLAY_CONCURRENT, KAFKA_*. */
  async advance (alerts: readonly TableAlert[], leftOut: number): Promise<void> {
    for (const alert of alerts) this.#hash.update(lineOf(alert))
    this.#processed += alerts.length
    this.#leftOut += leftOut
    await this.#commit()
  }

  async close (): Promise<void> {
    await this.#coordinator.close()
  }

  async #commit (): Promise<void> {
    const { topic, group, connection, topicId, selection } = this.#options
    const metadata = JSON.stringify({
      selection, topicId, digest: this.#digest(), leftOut: this.#leftOut, run: this.#run
    } satisfies Metadata)
    const commit = { offset: BigInt(this.#processed), leaderEpoch: UNKNOWN_EPOCH, metadata }
    await this.#persist(async () => {
      const current = await this.#read()
      if (!isSame(current, this.#committed) && !isSame(current, this.#attempted)) {
        const where = `${topic} at ${connection.brokers}`
        throw replayErrors.REPLAY_CONCURRENT(`another process commits offsets of group ${group}`, { where })
      }
      this.#attempted = commit
      await this.#coordinator.commit(noMember, [{ topic, partition: 0, ...commit }], each => each.metadata)
    })
    this.#committed = commit
  }

  async #read (): Promise<CommittedMetadata | undefined> {
    const { topic } = this.#options
    return (await this.#coordinator.committed([{ topic, partition: 0 }])).get(partitionKey(topic, 0))
  }

  async #persist<T> (call: () => Promise<T>): Promise<T> {
    let logged = false
    return await persist(call, coordinatorRetry, undefined, error => {
      if (!logged) this.#options.log.warn({ group: this.#options.group, reason: messageOf(error) }, 'cannot commit the progress: retrying')
      logged = true
    })
  }

  #digest (): string {
    return this.#hash.copy().digest('hex')
  }
}

function lineOf ({ id, position }: TableAlert): string {
  if (position === undefined) return `${id}\n`
  const { topic, partition, offset, timestamp } = position
  return `${id} ${timestamp} ${topic} ${partition} ${offset}\n`
}

/** The run id does not matter: any run may resume. */
function parseMetadata (text: string | null): Omit<Metadata, 'run'> | undefined {
  try {
    const found = JSON.parse(text ?? 'null') as Partial<Metadata> | null
    const { selection, topicId, digest, leftOut } = found ?? {}
    if (selection === undefined || topicId === undefined || digest === undefined || leftOut === undefined) return undefined
    return { selection, topicId, digest, leftOut }
  } catch {
    return undefined
  }
}

function isSame (a: CommittedMetadata | undefined, b: CommittedMetadata | undefined): boolean {
  return a?.offset === b?.offset && a?.metadata === b?.metadata
}
