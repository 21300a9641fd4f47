import t from 'tap'
import { Deduplicator } from '../../src/stores/deduplicator.ts'

await t.test('does not write the same alert twice', async t => {
  const recent = new Deduplicator(10)
  let writes = 0
  const write = async () => { writes++; return 'written' }
  t.equal(await recent.once('a', 'aa', write), 'written')
  t.equal(await recent.once('a', 'aa', write), 'duplicate')
  t.equal(await recent.once('b', 'aa', write), 'written')
  t.equal(writes, 2)
})

await t.test('writes an alert with a known id if its content differs', async t => {
  const recent = new Deduplicator(10)
  const write = async () => 'written'
  for (const [id, sha256] of [['1', '23'], ['1', '24'], ['12', '3']] as const) t.equal(await recent.once(id, sha256, write), 'written')
})

await t.test('concurrent calls for the same alert wait for the write of the first call', async t => {
  const recent = new Deduplicator(10)
  const { promise, resolve } = Promise.withResolvers<string>()
  let writes = 0
  let settled = 0
  const all = [1, 2, 3].map(() => recent.once('a', 'aa', () => { writes++; return promise }).finally(() => { settled++ }))
  await new Promise(setImmediate)
  t.equal(settled, 0)
  resolve('written')
  t.same(await Promise.all(all), ['written', 'duplicate', 'duplicate'])
  t.equal(writes, 1)
})

await t.test('after a failed write, the waiting calls write one at a time', async t => {
  const recent = new Deduplicator(10)
  const first = Promise.withResolvers<never>()
  let writes = 0
  let concurrent = 0
  let maxConcurrent = 0
  const write = async () => {
    maxConcurrent = Math.max(maxConcurrent, ++concurrent)
    try {
      if (++writes === 1) await first.promise
      await new Promise(setImmediate)
      return writes
    } finally {
      concurrent--
    }
  }
  const all = [1, 2, 3].map(() => recent.once('a', 'aa', write))
  first.reject(new Error('disk'))
  const outcomes = await Promise.allSettled(all)
  t.match(outcomes[0], { status: 'rejected', reason: { message: 'disk' } })
  t.same(outcomes.slice(1), [{ status: 'fulfilled', value: 2 }, { status: 'fulfilled', value: 'duplicate' }])
  t.equal(writes, 2)
  t.equal(maxConcurrent, 1)
})

await t.test('rejects if the write throws synchronously, and does not remember the alert', async t => {
  const recent = new Deduplicator(10)
  await t.rejects(recent.once('a', 'aa', () => { throw new Error('now') }), { message: 'now' })
  t.equal(await recent.once('a', 'aa', async () => 1), 1)
})

await t.test('forgets the least recently seen alerts beyond its maximum', async t => {
  const recent = new Deduplicator(3)
  for (let i = 0; i < 100; i++) await recent.once(String(i), 'aa', async () => i)
  for (const i of [97, 98, 99]) t.equal(await recent.once(String(i), 'aa', async () => 'again'), 'duplicate')
  t.equal(await recent.once('96', 'aa', async () => 'again'), 'again')
})
