import t from 'tap'
import { ProcessedOffsets } from '../../src/dead-letters/processed-offsets.ts'
import { seeded } from '../support/pipeline.ts'

await t.test('the commit offset moves to the first unprocessed offset', t => {
  const processed = new ProcessedOffsets(10n)
  for (const offset of [10n, 11n]) processed.add(offset)
  t.strictSame([processed.commitOffset, processed.encode()], [12n, ''])
  for (const offset of [14n, 13n, 17n]) processed.add(offset)
  t.equal(processed.commitOffset, 12n)
  const offsets = [9n, 11n, 12n, 13n, 14n, 15n, 17n, 18n]
  t.strictSame(offsets.filter(offset => processed.has(offset)), [9n, 11n, 13n, 14n, 17n])
  processed.add(12n)
  t.equal(processed.commitOffset, 15n)
  processed.add(15n, 17n)
  t.strictSame([processed.commitOffset, processed.encode()], [18n, ''])
  processed.add(3n)
  processed.add(20n, 20n)
  t.strictSame([processed.commitOffset, processed.encode()], [18n, ''])
  t.end()
})

await t.test('contains exactly the added offsets, in whatever order they were added, even after encoding and decoding', t => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.comment(`seed ${seed}`)
  const random = seeded(seed)
  for (let round = 0; round < 200; round++) {
    const low = BigInt(Math.floor(random() * 5)) * (2n ** 50n)
    const processed = new ProcessedOffsets(low)
    const model = new Set<bigint>()
    for (let step = 0; step < 60; step++) {
      const from = low + BigInt(Math.floor(random() * 80))
      const to = from + BigInt(Math.floor(random() * 4))
      processed.add(from, to)
      for (let offset = from; offset < to; offset++) model.add(offset)
    }
    let first = low
    while (model.has(first)) first++
    const decoded = new ProcessedOffsets(processed.commitOffset, processed.encode())
    const isWrong = (offset: bigint) => [processed, decoded].some(each => each.has(offset) !== model.has(offset))
    const wrong = Array.from({ length: 90 }, (_, index) => low + BigInt(index)).filter(isWrong)
    if (processed.commitOffset !== first || wrong.length > 0) {
      t.fail(`round ${round}: commit offset ${processed.commitOffset}, not ${first}; wrong at ${wrong}`)
    }
  }
  t.pass('200 rounds are correct')
  t.end()
})

await t.test('the encoded text is short enough for Kafka, and invalid text decodes to no ranges', t => {
  const range = new ProcessedOffsets(0n)
  range.add(1n, 10_000_000n)
  t.ok(range.encode().length <= 16, `one range is encoded as ${range.encode()}`)
  const random = seeded(7)
  const mixed = new ProcessedOffsets(0n)
  for (let offset = 1n; offset < 8000n; offset++) if (random() < 0.5) mixed.add(offset)
  t.ok(mixed.encode().length < 3400, `${mixed.encode().length} bytes for 8000 random offsets`)
  for (const text of ['?', 'AAAA', range.encode().slice(0, 3)]) t.equal(new ProcessedOffsets(5n, text).has(6n), false)
  t.end()
})
