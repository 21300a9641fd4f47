import t from 'tap'
import { decodeOwned, encodeOwned, type OwnedPartitions, stickyAssignment, type Subscriber } from '../../src/kafka/assignment.ts'
import type { TopicPartition } from '../../src/kafka/offset-tracker.ts'
import { seeded } from '../support/pipeline.ts'

const sizes: Record<string, number> = { a: 6, b: 3, empty: 0 }
const partitionCount = (topic: string): number => sizes[topic] ?? 0
const names = (list: readonly TopicPartition[] = []): string[] => list.map(({ topic, partition }) => `${topic}${partition}`)
const owned = (text: string): TopicPartition[] =>
  text === '' ? [] : text.split(' ').map(each => ({ topic: each[0]!, partition: Number(each.slice(1)) }))
const assigned = (subscribers: readonly Subscriber[]): Record<string, string> =>
  Object.fromEntries([...stickyAssignment(subscribers, partitionCount)].map(([id, list]) => [id, names(list).sort().join(' ')]))
const member = (id: string, claimed = '', generation = 1): Subscriber =>
  ({ id, topics: ['a'], previous: { generation, owned: owned(claimed) } })

await t.test('new members share the partitions evenly', async t => {
  t.strictSame(assigned([member('x')]), { x: 'a0 a1 a2 a3 a4 a5' })
  t.strictSame(assigned([{ id: 'y', topics: ['a'] }, { id: 'x', topics: ['a'] }]), { x: 'a0 a2 a4', y: 'a1 a3 a5' })
})

await t.test('a joining member takes its share from the other members, and no other partition moves', async t => {
  const members = [member('x', 'a0 a2 a4'), member('y', 'a1 a3 a5'), member('new', '', -1)]
  t.strictSame(assigned(members), { new: 'a4 a5', x: 'a0 a2', y: 'a1 a3' })
})

await t.test('the remaining members keep their partitions and get the partitions of a member that left', async t => {
  t.strictSame(assigned([member('x', 'a0 a1'), member('y', 'a4 a5')]), { x: 'a0 a1 a2', y: 'a3 a4 a5' })
})

await t.test('if two members claim the same partitions, the member with the later generation keeps them', async t => {
  t.strictSame(assigned([member('x', 'a0 a1 a2', 3), member('y', 'a0 a1 a2', 4)]), { x: 'a3 a4 a5', y: 'a0 a1 a2' })
})

await t.test('claims of missing partitions, and of topics to which the member does not subscribe, are ignored', async t => {
  const members = [member('x', 'a0 a1 a2', 3), member('y', 'a0 a1 a2', 4), member('z', 'a9 b1 a5', 4)]
  t.strictSame(assigned(members), { x: 'a3 a4', y: 'a0 a1', z: 'a2 a5' })
})

/** Returns which rule the assignment violates, or undefined if the assignment is correct. */
function flaw (subscribers: readonly Subscriber[]): string | undefined {
  const result = stickyAssignment(subscribers, partitionCount)
  const expected = ['a', 'b'].filter(topic => subscribers.some(({ topics }) => topics.includes(topic)))
    .flatMap(topic => Array.from({ length: partitionCount(topic) }, (_, partition) => `${topic}${partition}`))
  if (names([...result.values()].flat()).sort().join() !== expected.sort().join()) return 'not every partition has exactly one owner'
  for (const { id, topics } of subscribers) {
    for (const { topic } of result.get(id)!) {
      if (!topics.includes(topic)) return `${id} does not subscribe to ${topic}`
      const least = Math.min(...subscribers.filter(other => other.topics.includes(topic)).map(other => result.get(other.id)!.length))
      if (least + 1 < result.get(id)!.length) return `${id} has too many partitions`
    }
  }
  if (JSON.stringify(assigned(subscribers.toReversed())) !== JSON.stringify(assigned(subscribers))) return 'the order of members matters'
  const again = subscribers.map(each => ({ ...each, previous: { generation: 9, owned: result.get(each.id)! } }))
  if (JSON.stringify(assigned(again)) !== JSON.stringify(assigned(subscribers))) return 'the assignment changes without a change of members'
  return undefined
}

await t.test('random groups get complete, balanced and stable assignments', async t => {
  const random = seeded(5)
  const below = (count: number): number => Math.floor(random() * count)
  for (let round = 0; round < 300; round++) {
    const subscribers = Array.from({ length: 1 + below(6) }, (_, index): Subscriber => {
      const topics = ['a', 'b', 'empty', 'missing'].filter(() => below(2) === 0)
      const claimed = Array.from({ length: below(8) }, () => ({ topic: 'abc'[below(3)]!, partition: below(8) }))
      const previous = { generation: below(3), owned: claimed }
      return { id: `m${index}`, topics, ...(below(4) === 0 ? {} : { previous }) }
    })
    const found = flaw(subscribers)
    if (found !== undefined) t.fail(`${found}: ${JSON.stringify(subscribers)}`)
  }
  t.pass('all random groups have correct assignments')
})

await t.test('decodeOwned returns the owned partitions that encodeOwned has encoded', async t => {
  const previous: OwnedPartitions = { generation: 7, owned: owned('a1 b0 a4') }
  t.strictSame(decodeOwned(encodeOwned(previous)), { generation: 7, owned: owned('a1 a4 b0') })
})

await t.test('decodeOwned returns undefined for metadata of other client implementations', async t => {
  const others = ['{}', 'null', '{"generation":1,"owned":[5]}'].map(text => Buffer.from(text))
  for (const bytes of [null, undefined, Buffer.alloc(0), Buffer.from([0, 0, 0, 1]), ...others]) t.equal(decodeOwned(bytes), undefined)
})
