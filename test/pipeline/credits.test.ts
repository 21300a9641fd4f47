import t from 'tap'
import { Credits } from '../../src/pipeline/credits.ts'

const nothing = (): void => {}

await t.test('credit is available only while records and bytes are below their limits', async t => {
  const credits = new Credits({ records: 3, bytes: 100 }, nothing, nothing)
  t.equal(credits.available, true)
  credits.take(40)
  credits.take(40)
  t.equal(credits.available, true, 'credit is available with two records of 80 bytes in total')
  credits.take(10)
  t.equal(credits.available, false, 'no credit is available at the limit of three records')
  credits.give(10)
  credits.take(20)
  credits.give(40)
  t.equal(credits.available, true)
  credits.take(60)
  t.equal(credits.bytes, 120)
  t.equal(credits.available, false, 'no credit is available above the byte limit')
})

await t.test('a record above the byte limit is admitted alone', async t => {
  const credits = new Credits({ records: 10, bytes: 100 }, nothing, nothing)
  credits.take(1e9)
  t.equal(credits.available, false)
  credits.give(1e9)
  t.equal(credits.available, true)
})

await t.test('an invalid size throws and takes no credit', async t => {
  const credits = new Credits({ records: 10, bytes: 100 }, nothing, nothing)
  for (const bytes of [NaN, -1, Infinity]) t.throws(() => credits.take(bytes), RangeError)
  t.equal(credits.records, 0)
})

await t.test('waiting for credit reports starvation and ends when credit returns', async t => {
  const events: string[] = []
  const credits = new Credits({ records: 1, bytes: 100 }, () => events.push('starved'), () => events.push('idle'))
  await credits.wait()
  t.same(events, [], 'starvation is not reported while credit is available')
  credits.take(1)
  const wait = credits.wait()
  t.equal(credits.starved, true)
  credits.give(1)
  await wait
  t.equal(credits.starved, false)
  t.same(events, ['starved', 'idle'])
  t.ok(credits.starvedMs >= 0)
})

await t.test('wake() ends a wait even if there is no credit', async t => {
  const credits = new Credits({ records: 1, bytes: 100 }, nothing, nothing)
  credits.take(1)
  const wait = credits.wait()
  credits.wake()
  await wait
  t.equal(credits.available, false)
})
