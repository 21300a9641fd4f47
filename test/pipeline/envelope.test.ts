import t from 'tap'
import { Envelope } from '../../src/pipeline/index.ts'
import type { Settle } from '../../src/pipeline/envelope.ts'

function envelope<T> (value: T, settle: Settle, bytes = 10, position = '0'): Envelope<T> {
  return Envelope.of({ value, bytes, position }, { node: 'source', position }, settle)
}

await t.test('a mapped envelope settles the record that it came from', async t => {
  const seen: (Error | undefined)[] = []
  const mapped = envelope(1, failure => seen.push(failure)).map('one')
  t.equal(mapped.value, 'one')
  t.equal(mapped.root.origin.position, '0')
  t.equal(mapped.bytes, 10)
  mapped.settle()
  t.same(seen, [undefined])
})

await t.test('settling twice is refused, through whichever descendant', async t => {
  let count = 0
  const first = envelope(1, () => count++)
  const second = first.map(2)
  first.settle()
  t.throws(() => second.settle(), { code: 'PIPELINE_SETTLED_TWICE', where: '0' })
  t.equal(count, 1)
})

await t.test('a split parent settles when its last child has, with the first failure', async t => {
  const seen: (Error | undefined)[] = []
  const children = envelope('abc', failure => seen.push(failure)).split(['a', 'b', 'c'])
  children[2]?.settle()
  children[0]?.settle(new Error('first'))
  t.same(seen, [])
  children[1]?.settle(new Error('second'))
  t.equal(seen.length, 1)
  t.match(seen[0], { message: 'first' })
})

await t.test('a split into nothing settles at once', async t => {
  let count = 0
  t.same(envelope('x', () => count++).split([]), [])
  t.equal(count, 1)
})

await t.test('children of a split share the bytes, forks each carry all of them', async t => {
  t.same(envelope('x', () => {}, 12).split([1, 2, 3]).map(child => child.bytes), [4, 4, 4])
  t.same(envelope('x', () => {}, 12).fork(2).map(child => child.bytes), [12, 12])
})

await t.test('a batch settles each of its records once and carries all their roots and bytes', async t => {
  const seen: string[] = []
  const batch = Envelope.batch(['a', 'b', 'c'].map((value, index) => envelope(value, failure => seen.push(`${value}${failure?.message ?? ''}`), 5, String(index))), () => seen.push('batch'))
  t.same(batch.value, ['a', 'b', 'c'])
  t.same(batch.roots.map(root => root.origin.position), ['0', '1', '2'])
  t.equal(batch.bytes, 15)
  t.same(batch.map(7).roots.length, 3)
  t.same(batch.split([1, 2])[0]?.roots.length, 3)
})

await t.test('a batch settles its records with its own outcome', async t => {
  const seen: string[] = []
  const batch = Envelope.batch(['a', 'b'].map(value => envelope(value, failure => seen.push(value + (failure?.message ?? '')))), () => seen.push('done'))
  batch.settle(new Error('!'))
  t.same(seen, ['a!', 'b!', 'done'])
  t.throws(() => batch.settle(), { code: 'PIPELINE_SETTLED_TWICE' })
})

await t.test('children of one record name it once in a batch', async t => {
  const batch = Envelope.batch(envelope('x', () => {}).split([1, 2, 3]))
  t.equal(batch.roots.length, 1)
})

await t.test('a batch of nothing is refused', async t => {
  t.throws(() => Envelope.batch([]), RangeError)
})
