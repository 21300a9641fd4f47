import t from 'tap'
import { type Claim, decodeClaim, encodeClaim, stickyAssignment, type Subscriber } from '../../src/kafka/assignment.ts'
import type { TopicPartition } from '../../src/kafka/offset-tracker.ts'
import { seeded } from '../support/pipeline.ts'

const sizes: Record<string, number> = { a: 6, b: 3, empty: 0 }
const partitionsOf = (topic: string): number => sizes[topic] ?? 0
const names = (list: readonly TopicPartition[] = []): string[] => list.map(({ topic, partition }) => `${topic}${partition}`)
const owned = (text: string): TopicPartition[] => text === '' ? [] : text.split(' ').map(each => ({ topic: each[0]!, partition: Number(each.slice(1)) }))
const assigned = (subscribers: readonly Subscriber[]): Record<string, string> =>
  Object.fromEntries([...stickyAssignment(subscribers, partitionsOf)].map(([id, list]) => [id, names(list).sort().join(' ')]))
const member = (id: string, have = '', generation = 1, topics = ['a']): Subscriber => ({ id, topics, claim: { generation, owned: owned(have) } })

await t.test('new members share evenly', async t => {
  t.strictSame(assigned([member('x')]), { x: 'a0 a1 a2 a3 a4 a5' })
  t.strictSame(assigned([{ id: 'y', topics: ['a'] }, { id: 'x', topics: ['a'] }]), { x: 'a0 a2 a4', y: 'a1 a3 a5' })
})

await t.test('who joins gets its share from those who have most, and nothing else moves', async t => {
  t.strictSame(assigned([member('x', 'a0 a2 a4'), member('y', 'a1 a3 a5'), member('new', '', -1)]), { new: 'a4 a5', x: 'a0 a2', y: 'a1 a3' })
})

await t.test('what a member leaves goes to the others, who keep theirs', async t => {
  t.strictSame(assigned([member('x', 'a0 a1'), member('y', 'a4 a5')]), { x: 'a0 a1 a2', y: 'a3 a4 a5' })
})

await t.test('of two that claim a partition the later generation is right; what does not exist or is not subscribed to is nobody\'s', async t => {
  t.strictSame(assigned([member('x', 'a0 a1 a2', 3), member('y', 'a0 a1 a2', 4), member('z', 'a9 b1 a5', 4)]), { x: 'a3 a4', y: 'a0 a1', z: 'a2 a5' })
})

await t.test('whatever members subscribe to and claim: each partition has one owner who subscribes to it, and nobody can be relieved', async t => {
  const random = seeded(5)
  const below = (count: number): number => Math.floor(random() * count)
  for (let round = 0; round < 300; round++) {
    const subscribers = Array.from({ length: 1 + below(6) }, (_, index): Subscriber => {
      const topics = ['a', 'b', 'empty', 'missing'].filter(() => below(2) === 0)
      const claim = { generation: below(3), owned: Array.from({ length: below(8) }, () => ({ topic: 'abc'[below(3)]!, partition: below(8) })) }
      return { id: `m${index}`, topics, ...(below(4) === 0 ? {} : { claim }) }
    })
    const result = stickyAssignment(subscribers, partitionsOf)
    const wanted = ['a', 'b'].filter(topic => subscribers.some(({ topics }) => topics.includes(topic))).flatMap(topic => Array.from({ length: partitionsOf(topic) }, (_, partition) => `${topic}${partition}`))
    if (names([...result.values()].flat()).sort().join() !== wanted.sort().join()) t.fail(`not each once: ${JSON.stringify(subscribers)}`)
    for (const { id, topics } of subscribers) {
      for (const { topic } of result.get(id)!) {
        if (!topics.includes(topic)) t.fail(`${id} does not subscribe to ${topic}`)
        const least = Math.min(...subscribers.filter(other => other.topics.includes(topic)).map(other => result.get(other.id)!.length))
        if (least + 1 < result.get(id)!.length) t.fail(`${id} has too many: ${JSON.stringify(assigned(subscribers))}`)
      }
    }
    if (JSON.stringify(assigned(subscribers.toReversed())) !== JSON.stringify(assigned(subscribers))) t.fail('it depends on the order of members')
    const again = subscribers.map(each => ({ ...each, claim: { generation: 9, owned: result.get(each.id)! } }))
    if (JSON.stringify(assigned(again)) !== JSON.stringify(assigned(subscribers))) t.fail('it is not stable')
  }
  t.pass('300 groups')
})

await t.test('a claim travels as bytes; what other clients send is none', async t => {
  const claim: Claim = { generation: 7, owned: owned('a1 b0 a4') }
  t.strictSame(decodeClaim(encodeClaim(claim)), { generation: 7, owned: owned('a1 a4 b0') })
  for (const bytes of [null, undefined, Buffer.alloc(0), Buffer.from([0, 0, 0, 1]), Buffer.from('{}'), Buffer.from('null'), Buffer.from('{"generation":1,"owned":[5]}')]) t.equal(decodeClaim(bytes), undefined)
})
