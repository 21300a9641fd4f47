import t from 'tap'
import { encodeLong, readLong, skipLong } from '../../src/avro/varint.ts'

// Examples from the Avro spec ("Primitive Types"), and limits of the value range.
const vectors: Array<[bigint, string]> = [
  [0n, '00'], [-1n, '01'], [1n, '02'], [-2n, '03'], [63n, '7e'], [-64n, '7f'], [64n, '8001'], [-65n, '8101'], [8192n, '808001'],
  [2n ** 31n - 1n, 'feffffff0f'], [-(2n ** 31n), 'ffffffff0f'], [2n ** 53n, '80808080808080' + '20'],
  [2n ** 63n - 1n, 'feffffffffffffffff01'], [-(2n ** 63n), 'ffffffffffffffffff01']
]

await t.test('encodes and decodes longs as in the Avro specification', async t => {
  for (const [value, bytes] of vectors) {
    t.equal(encodeLong(value).toString('hex'), bytes, `${value} is written`)
    const cursor = { buf: Buffer.from(bytes, 'hex'), pos: 0 }
    t.equal(readLong(cursor), value, `${value} is read`)
    t.equal(cursor.pos, bytes.length / 2)
  }
})

await t.test('round-trips and skips all powers of two and their neighbours', async t => {
  let wrong = 0
  for (let exponent = 0n; exponent < 63n; exponent++) {
    for (const near of [-1n, 0n, 1n]) {
      for (const value of [2n ** exponent + near, -(2n ** exponent) + near]) {
        const bytes = encodeLong(value)
        const read = { buf: bytes, pos: 0 }
        const skipped = { buf: bytes, pos: 0 }
        skipLong(skipped)
        if (readLong(read) !== value || read.pos !== bytes.length || skipped.pos !== bytes.length) wrong++
      }
    }
  }
  t.equal(wrong, 0)
})

await t.test('round-trips random 64-bit values', async t => {
  let state = 0x9e3779b97f4a7c15n
  let wrong = 0
  for (let i = 0; i < 20_000; i++) {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n)
    const value = BigInt.asIntN(64, state) >> BigInt(i % 64)
    if (readLong({ buf: encodeLong(value), pos: 0 }) !== value) wrong++
  }
  t.equal(wrong, 0)
})

await t.test('rejects a long of more than 10 bytes; after a truncated long, the position is beyond the end', async t => {
  t.throws(() => readLong({ buf: Buffer.alloc(12, 0xff), pos: 0 }), /more than 10 bytes/)
  const cut = { buf: Buffer.from([0xff, 0xff]), pos: 0 }
  readLong(cut)
  t.ok(cut.pos > 2)
})
