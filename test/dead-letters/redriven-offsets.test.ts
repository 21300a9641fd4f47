import t from 'tap'
import { DoneOffsets } from '../../src/dead-letters/redriven-offsets.ts'
import { seeded } from '../support/pipeline.ts'

await t.test('in order, only the offset moves; out of order, what is missing holds it back until it comes', t => {
  const done = new DoneOffsets(10n)
  for (const offset of [10n, 11n]) done.add(offset)
  t.strictSame([done.low, done.encode()], [12n, ''])
  for (const offset of [14n, 13n, 17n]) done.add(offset)
  t.equal(done.low, 12n)
  t.strictSame([9n, 11n, 12n, 13n, 14n, 15n, 17n, 18n].map(offset => done.has(offset)), [true, true, false, true, true, false, true, false])
  done.add(12n)
  t.equal(done.low, 15n)
  done.add(15n, 17n)
  t.strictSame([done.low, done.encode()], [18n, ''])
  done.add(3n)
  done.add(20n, 20n)
  t.strictSame([done.low, done.encode()], [18n, ''])
  t.end()
})

await t.test('whatever the order, it knows what was added and no more, and comes back from its text', t => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.comment(`seed ${seed}`)
  const random = seeded(seed)
  for (let round = 0; round < 200; round++) {
    const low = BigInt(Math.floor(random() * 5)) * (2n ** 50n)
    const done = new DoneOffsets(low)
    const model = new Set<bigint>()
    for (let step = 0; step < 60; step++) {
      const from = low + BigInt(Math.floor(random() * 80))
      const to = from + BigInt(Math.floor(random() * 4))
      done.add(from, to)
      for (let offset = from; offset < to; offset++) model.add(offset)
    }
    let first = low
    while (model.has(first)) first++
    const back = new DoneOffsets(done.low, done.encode())
    const wrong = Array.from({ length: 90 }, (_, index) => low + BigInt(index)).filter(offset => done.has(offset) !== model.has(offset) || back.has(offset) !== model.has(offset))
    if (done.low !== first || wrong.length > 0) t.fail(`round ${round}: low ${done.low}, not ${first}; wrong at ${wrong}`)
  }
  t.pass('200 rounds')
  t.end()
})

await t.test('its text is short: whole stretches in a few bytes, thousands that alternate within what Kafka keeps; nonsense is nothing', t => {
  const stretch = new DoneOffsets(0n)
  stretch.add(1n, 10_000_000n)
  t.ok(stretch.encode().length <= 16, stretch.encode())
  const random = seeded(7)
  const mixed = new DoneOffsets(0n)
  for (let offset = 1n; offset < 8000n; offset++) if (random() < 0.5) mixed.add(offset)
  t.ok(mixed.encode().length < 3400, `${mixed.encode().length} bytes for 8000 at random`)
  for (const text of ['?', 'AAAA', stretch.encode().slice(0, 3)]) t.equal(new DoneOffsets(5n, text).has(6n), false)
  t.end()
})
