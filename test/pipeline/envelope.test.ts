import t from 'tap'
import { Envelope, type Settle } from '../../src/pipeline/envelope.ts'

function envelope<T> (value: T, settle: Settle, bytes = 10, position = '0'): Envelope<T> {
  return Envelope.of({ value, bytes, position }, { node: 'source', position }, settle)
}

await t.test('a mapped envelope settles its source record', async t => {
  const outcomes: (Error | undefined)[] = []
  const mapped = envelope(1, failure => outcomes.push(failure)).map('one')
  t.equal(mapped.value, 'one')
  t.equal(mapped.root.origin.position, '0')
  t.equal(mapped.bytes, 10)
  mapped.settle()
  t.same(outcomes, [undefined])
})

await t.test('settling an envelope twice throws, even through a mapped envelope', async t => {
  let count = 0
  const first = envelope(1, () => count++)
  const second = first.map(2)
  first.settle()
  t.throws(() => second.settle(), { code: 'PIPELINE_SETTLED_TWICE', where: '0' })
  t.equal(count, 1)
})

await t.test('a split envelope settles after its last child, with the first failure of its children', async t => {
  const outcomes: (Error | undefined)[] = []
  const children = envelope('abc', failure => outcomes.push(failure)).split(['a', 'b', 'c'])
  children[2]?.settle()
  children[0]?.settle(new Error('first'))
  t.same(outcomes, [])
  children[1]?.settle(new Error('second'))
  t.equal(outcomes.length, 1)
  t.match(outcomes[0], { message: 'first' })
})

await t.test('an envelope that is split into no values settles at once', async t => {
  let count = 0
  t.same(envelope('x', () => count++).split([]), [])
  t.equal(count, 1)
})

await t.test('children of a split share the bytes of the envelope equally', async t => {
  t.same(envelope('x', () => {}, 12).split([1, 2, 3]).map(child => child.bytes), [4, 4, 4])
})

await t.test('a batch has the roots and bytes of all its records', async t => {
  const batch = Envelope.batch(['a', 'b', 'c'].map((value, index) => envelope(value, () => {}, 5, String(index))))
  t.same(batch.value, ['a', 'b', 'c'])
  t.same(batch.roots.map(root => root.origin.position), ['0', '1', '2'])
  t.equal(batch.bytes, 15)
  t.same(batch.map(7).roots.length, 3)
  t.same(batch.split([1, 2])[0]?.roots.length, 3)
})

await t.test('settling a batch settles each of its records once, with the same outcome', async t => {
  const events: string[] = []
  const envelopes = ['a', 'b'].map(value => envelope(value, failure => events.push(value + (failure?.message ?? ''))))
  const batch = Envelope.batch(envelopes, () => events.push('done'))
  batch.settle(new Error('!'))
  t.same(events, ['a!', 'b!', 'done'])
  t.throws(() => batch.settle(), { code: 'PIPELINE_SETTLED_TWICE' })
})

await t.test('a batch of children of one record has one root', async t => {
  const batch = Envelope.batch(envelope('x', () => {}).split([1, 2, 3]))
  t.equal(batch.roots.length, 1)
})

await t.test('an empty batch throws', async t => {
  t.throws(() => Envelope.batch([]), RangeError)
})
