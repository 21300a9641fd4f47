// Who of a group gets which partitions: as even as subscriptions allow, and with as few moves as that takes, since each move costs a fetch and,
// where records are in flight for too long, a second reading. Members say what they own when they join; the leader computes this. Pure.
import type { TopicPartition } from './offset-tracker.ts'

/** What a member says of itself when it joins. */
export interface Claim {
  /** Generation in which it owned them: where two claim one partition, the later is right. */
  readonly generation: number
  readonly owned: readonly TopicPartition[]
}

export interface Subscriber {
  readonly id: string
  readonly topics: readonly string[]
  readonly claim?: Claim | undefined
}

/** Partitions by member id; every partition of a topic that anyone subscribes to has exactly one owner. */
export function stickyAssignment (subscribers: readonly Subscriber[], partitionsOf: (topic: string) => number): Map<string, TopicPartition[]> {
  const members = subscribers.toSorted((a, b) => a.id < b.id ? -1 : 1).map(({ id, topics, claim }) => ({ id, topics: new Set(topics), claim, load: [] as TopicPartition[] }))
  const free = new Map<string, TopicPartition>()
  for (const topic of new Set(members.flatMap(({ topics }) => [...topics])).values()) {
    for (let partition = 0; partition < partitionsOf(topic); partition++) free.set(`${topic}/${partition}`, { topic, partition })
  }
  for (const member of members.toSorted((a, b) => (b.claim?.generation ?? -1) - (a.claim?.generation ?? -1))) {
    for (const { topic, partition } of member.claim?.owned ?? []) {
      const mine = free.get(`${topic}/${partition}`)
      if (mine === undefined || !member.topics.has(topic)) continue
      member.load.push(mine)
      free.delete(`${topic}/${partition}`)
    }
  }
  const lightest = (topic: string) => members.filter(({ topics }) => topics.has(topic)).reduce((least, each) => each.load.length < least.load.length ? each : least)
  for (const partition of free.values()) lightest(partition.topic).load.push(partition)
  for (let moved = true; moved;) {
    moved = false
    for (const from of members.toSorted((a, b) => b.load.length - a.load.length)) {
      const index = from.load.findLastIndex(({ topic }) => lightest(topic).load.length + 1 < from.load.length)
      if (index < 0) continue
      const [partition] = from.load.splice(index, 1)
      lightest(partition!.topic).load.push(partition!)
      moved = true
      break
    }
  }
  return new Map(members.map(({ id, load }) => [id, load]))
}

/** A claim as it travels with a request to join. */
export function encodeClaim ({ generation, owned }: Claim): Buffer {
  return Buffer.from(JSON.stringify({ generation, owned: [...Map.groupBy(owned, ({ topic }) => topic)].map(([topic, list]) => [topic, list.map(({ partition }) => partition)]) }))
}

/** The claim in what another member sent; undefined where that is none (another client's). */
export function decodeClaim (bytes: Buffer | string | null | undefined): Claim | undefined {
  try {
    const { generation, owned } = JSON.parse(String(bytes)) as { readonly generation: unknown, readonly owned: ReadonlyArray<readonly [string, readonly number[]]> }
    if (typeof generation !== 'number') return undefined
    return { generation, owned: owned.flatMap(([topic, partitions]) => partitions.map(partition => ({ topic, partition }))) }
  } catch {
    return undefined
  }
}
