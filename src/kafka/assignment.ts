// Assigns partitions to the members of a group as evenly as their subscriptions allow, and moves as few partitions as possible (sticky).
// A moved partition is fetched again, and its records in flight may be read twice. When a member joins, it sends the partitions that it
// owned before. From all members' partitions, the group leader computes the assignment.
import { partitionKey, type TopicPartition } from './offset-tracker.ts'

/** The partitions that a member owned before it joined. */
export interface OwnedPartitions {
  /** Generation in which the member owned the partitions. If two members claim one partition, the claim of the later generation wins. */
  readonly generation: number
  readonly owned: readonly TopicPartition[]
}

export interface Subscriber {
  readonly id: string
  readonly topics: readonly string[]
  readonly previous?: OwnedPartitions | undefined
}

interface Member extends Subscriber {
  readonly assigned: TopicPartition[]
}

/** Returns the partitions of each member by member id. Every partition of a subscribed topic is assigned to one subscriber of the topic. */
export function stickyAssignment (
  subscribers: readonly Subscriber[], partitionCount: (topic: string) => number
): Map<string, TopicPartition[]> {
  // Sort the members, so that the result does not depend on the order of `subscribers`.
  const members = subscribers.toSorted((a, b) => a.id < b.id ? -1 : 1).map((subscriber): Member => ({ ...subscriber, assigned: [] }))
  const unassigned = new Map<string, TopicPartition>()
  for (const topic of new Set(members.flatMap(({ topics }) => topics))) {
    const count = partitionCount(topic)
    for (let partition = 0; partition < count; partition++) unassigned.set(partitionKey(topic, partition), { topic, partition })
  }
  for (const member of members.toSorted((a, b) => (b.previous?.generation ?? -1) - (a.previous?.generation ?? -1))) {
    for (const { topic, partition } of member.previous?.owned ?? []) {
      const kept = unassigned.get(partitionKey(topic, partition))
      if (kept === undefined || !member.topics.includes(topic)) continue
      member.assigned.push(kept)
      unassigned.delete(partitionKey(topic, partition))
    }
  }
  for (const partition of unassigned.values()) leastLoaded(members, partition.topic).assigned.push(partition)
  while (moveOne(members));
  return new Map(members.map(({ id, assigned }) => [id, assigned]))
}

/** Moves one partition from its owner to a member with at least two partitions fewer. Returns false if no such move exists. */
function moveOne (members: readonly Member[]): boolean {
  for (const { assigned } of members.toSorted((a, b) => b.assigned.length - a.assigned.length)) {
    const index = assigned.findLastIndex(({ topic }) => leastLoaded(members, topic).assigned.length + 1 < assigned.length)
    if (index < 0) continue
    const [moved] = assigned.splice(index, 1)
    leastLoaded(members, moved!.topic).assigned.push(moved!)
    return true
  }
  return false
}

function leastLoaded (members: readonly Member[], topic: string): Member {
  return members.filter(({ topics }) => topics.includes(topic))
    .reduce((least, member) => member.assigned.length < least.assigned.length ? member : least)
}

/** Encodes the member metadata of a JoinGroup request. */
export function encodeOwned ({ generation, owned }: OwnedPartitions): Buffer {
  const byTopic = [...Map.groupBy(owned, ({ topic }) => topic)].map(([topic, list]) => [topic, list.map(({ partition }) => partition)])
  return Buffer.from(JSON.stringify({ generation, owned: byTopic }))
}

/** Decodes the metadata of a member. Returns undefined if another client implementation wrote the metadata. */
export function decodeOwned (bytes: Buffer | string | null | undefined): OwnedPartitions | undefined {
  try {
    const { generation, owned } = JSON.parse(String(bytes)) as
      { readonly generation: unknown, readonly owned: ReadonlyArray<readonly [string, readonly number[]]> }
    if (typeof generation !== 'number') return undefined
    return { generation, owned: owned.flatMap(([topic, partitions]) => partitions.map(partition => ({ topic, partition }))) }
  } catch {
    return undefined
  }
}
