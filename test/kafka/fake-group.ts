// An in-memory group coordinator: members, generations, sticky assignment and committed offsets. Tests inject errors, rebalances and the
// loss of a session.
import { ProtocolError } from '@platformatic/kafka'
import { decodeOwned, stickyAssignment } from '../../src/kafka/assignment.ts'
import { mapKafkaError } from '../../src/kafka/errors.ts'
import type { ConnectGroup, GroupEvents } from '../../src/kafka/group-client.ts'
import type { CommittedMetadata, GroupCoordinator } from '../../src/kafka/group-coordinator.ts'
import { type OffsetToCommit, partitionKey, type TopicPartition } from '../../src/kafka/offset-tracker.ts'

interface FakeMember {
  readonly events: GroupEvents
  id: string | null
  topics: readonly string[]
  assigned: readonly TopicPartition[]
  left: boolean
}

export class FakeGroup {
  generation = 0
  readonly offsets = new Map<string, CommittedMetadata>()
  /**
   * Commits that replace the offset of a partition that the member did not own. The coordinator accepts such commits; tests check that the
   * consumer sends none.
   */
  readonly foreignCommits: OffsetToCommit[] = []
  /** Errors for the next joins, commits and reads of offsets. Each request removes the first error of its list and rejects with it. */
  readonly joinErrors: Error[] = []
  readonly commitErrors: Error[] = []
  readonly readErrors: Error[] = []
  /** Requests of all members, in order. */
  readonly log: string[] = []
  /** While true, commits are applied but their responses are lost. */
  loseCommitResponses = false
  /** Joins wait for this promise. */
  joinDelay: Promise<void> = Promise.resolve()
  /** First joins wait for this promise before they get a member id, as the joins of static members do. */
  memberIdDelay: Promise<void> = Promise.resolve()
  readonly #members = new Set<FakeMember>()
  readonly #partitionCount: (topic: string) => number
  #rebalances: Promise<void> = Promise.resolve()
  #nextMember = 1

  constructor (partitionCount: (topic: string) => number) {
    this.#partitionCount = partitionCount
  }

  readonly connect: ConnectGroup = events => {
    const member: FakeMember = { events, id: null, topics: [], assigned: [], left: false }
    return {
      get memberId () { return member.id },
      subscribe: topics => {
        member.topics = [...topics]
      },
      join: async () => {
        const error = this.joinErrors.shift()
        this.log.push(error === undefined ? `join ${member.topics.join()}` : `join fails: ${error.message}`)
        if (error !== undefined) throw error
        const metadata = await member.events.beforeJoin()
        if (member.id === null) await this.memberIdDelay
        member.id ??= `member-${this.#nextMember++}`
        member.left = false
        this.#members.add(member)
        await this.#rebalance(new Map([[member, metadata]]))
      },
      leave: () => {
        this.log.push('stop')
        member.left = true
      },
      close: async ({ leave }) => {
        this.log.push(leave ? 'leave' : 'disconnect')
        member.left = true
        this.#members.delete(member)
      }
    }
  }

  readonly coordinator: Pick<GroupCoordinator, 'committed' | 'commit' | 'leave' | 'close'> = {
    committed: async partitions => {
      const error = this.readErrors.shift()
      if (error !== undefined) throw mapped(error)
      if (partitions === undefined) return new Map(this.offsets)
      const keys = new Set(partitions.map(({ topic, partition }) => partitionKey(topic, partition)))
      return new Map([...this.offsets].filter(([key]) => keys.has(key)))
    },
    commit: async ({ generation, memberId }, offsets, metadata) => {
      const error = this.commitErrors.shift()
      if (error !== undefined) throw mapped(error)
      const member = [...this.#members].find(({ id }) => id === memberId)
      if (member === undefined) throw mapped(new ProtocolError('UNKNOWN_MEMBER_ID'))
      if (generation !== this.generation) throw mapped(new ProtocolError('ILLEGAL_GENERATION'))
      for (const offset of offsets) {
        const { topic, partition } = offset
        const owned = member.assigned.some(each => each.topic === topic && each.partition === partition)
        if (!owned && this.offsets.has(partitionKey(topic, partition))) this.foreignCommits.push(offset)
        const { leaderEpoch } = offset
        this.offsets.set(partitionKey(topic, partition), { offset: offset.offset, leaderEpoch, metadata: metadata(offset) })
        this.log.push(`commit ${topic}/${partition}@${offset.offset}`)
      }
      if (this.loseCommitResponses) throw mapped(new ProtocolError('REQUEST_TIMED_OUT'))
    },
    leave: async (memberId, instanceId) => {
      this.log.push(`leave ${memberId || `instance ${instanceId}`} at the coordinator`)
    },
    close: async () => {}
  }

  /** Returns the committed offsets by partition key. */
  get committed (): Record<string, bigint> {
    return Object.fromEntries([...this.offsets].map(([key, { offset }]) => [key, offset]))
  }

  /** Starts a rebalance, as the coordinator does when a member joins or leaves. */
  async rebalance (): Promise<void> {
    await this.#rebalance(new Map())
  }

  /** Ends the sessions of all members without notifying the members. The generation changes, as if other members had joined. */
  expire (): void {
    for (const member of this.#members) {
      member.id = null
      member.assigned = []
    }
    this.#members.clear()
    this.generation++
  }

  /** Makes the next heartbeat of every member fail with an error. */
  failHeartbeat (error: Error): void {
    for (const { events } of this.#members) events.onHeartbeatError(error)
  }

  /** Tells each member that its client library has failed to rejoin and given up. */
  failRejoin (error: Error): void {
    for (const { events } of this.#members) events.onRejoinFailed(error)
  }

  async #rebalance (joined: ReadonlyMap<FakeMember, Buffer>): Promise<void> {
    const run = this.#rebalances.then(async () => {
      const metadata = new Map(joined)
      const others = [...this.#members].filter(member => !metadata.has(member) && !member.left)
      await Promise.all(others.map(async member => {
        member.events.onRebalance()
        metadata.set(member, await member.events.beforeJoin())
      }))
      await this.joinDelay
      const active = [...metadata].filter(([member]) => this.#members.has(member))
      this.generation++
      const assignment = stickyAssignment(
        active.map(([{ id, topics }, owned]) => ({ id: id!, topics, previous: decodeOwned(owned) })), this.#partitionCount)
      for (const [member] of active) {
        member.assigned = assignment.get(member.id!)!
        member.events.onJoined({ generation: this.generation, memberId: member.id!, partitions: member.assigned })
      }
    })
    this.#rebalances = run.catch(() => {})
    await run
  }
}

function mapped (error: Error): Error {
  return mapKafkaError(error, { action: 'use the group', brokers: 'broker-1:9092' })
}
