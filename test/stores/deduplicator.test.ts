import t from 'tap'
import { createDeduplicator, dedupeKey } from '../../src/stores/deduplicator.ts'

function gate () {
  let open!: () => void
  let fail!: (error: Error) => void
  const passed = new Promise<void>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { open, fail, passed }
}

await t.test('a second copy is not written', async t => {
  const once = createDeduplicator({ max: 10 })
  let writes = 0
  const write = async () => { writes++; return 'written' }
  t.equal(await once.once('a', write), 'written')
  t.equal(await once.once('a', write), 'duplicate')
  t.equal(await once.once('b', write), 'written')
  t.equal(writes, 2)
})

await t.test('concurrent copies wait for the one write', async t => {
  const once = createDeduplicator({ max: 10 })
  const { open, passed } = gate()
  let writes = 0
  const write = async () => { writes++; await passed; return 'written' }
  const all = [1, 2, 3].map(() => once.once('a', write))
  await new Promise(setImmediate)
  t.equal(once.size, 0, 'not remembered before it is durable')
  open()
  t.same(await Promise.all(all), ['written', 'duplicate', 'duplicate'])
  t.equal(writes, 1)
})

await t.test('a failure is not remembered and those who waited try themselves, one at a time', async t => {
  const once = createDeduplicator({ max: 10 })
  const { fail, passed } = gate()
  let writes = 0
  let atOnce = 0
  let most = 0
  const write = async () => {
    most = Math.max(most, ++atOnce)
    try {
      if (++writes === 1) await passed
      await new Promise(setImmediate)
      return writes
    } finally {
      atOnce--
    }
  }
  const all = [1, 2, 3].map(() => once.once('a', write))
  fail(new Error('disk'))
  const [first, second, third] = await Promise.allSettled(all)
  t.match(first, { status: 'rejected', reason: { message: 'disk' } })
  t.same([second, third], [{ status: 'fulfilled', value: 2 }, { status: 'fulfilled', value: 'duplicate' }])
  t.equal(writes, 2)
  t.equal(most, 1)
})

await t.test('a write that throws at once is a rejection', async t => {
  const once = createDeduplicator({ max: 10 })
  await t.rejects(once.once('a', () => { throw new Error('now') }), { message: 'now' })
  t.equal(await once.once('a', async () => 1), 1)
})

await t.test('it never remembers more than its bound', async t => {
  const once = createDeduplicator({ max: 3 })
  for (let i = 0; i < 100; i++) await once.once(dedupeKey(String(i), i), async () => i)
  t.equal(once.size, 3)
  t.equal(await once.once(dedupeKey('99', 99), async () => 0), 'duplicate')
  t.equal(await once.once(dedupeKey('0', 0), async () => 'again'), 'again')
})

await t.test('other content under the same id has another key', async t => {
  t.not(dedupeKey('1', 23), dedupeKey('1', 24))
  t.not(dedupeKey('12', 3), dedupeKey('1', 23))
})
