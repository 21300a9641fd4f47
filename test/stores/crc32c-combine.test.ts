import t from 'tap'
import { randomBytes } from 'node:crypto'
import { replacePrefix } from '../../src/stores/crc32c-combine.ts'
import { tableCrc32c } from '../../src/stores/crc32c-table.ts'

await t.test('replacePrefix returns the CRC32C of the new beginning and the unchanged bytes', async t => {
  for (const unchanged of [0, 1, 2, 3, 4, 7, 64, 255, 4096, 100_001]) {
    const [before, after, rest] = [randomBytes(40), randomBytes(40), randomBytes(unchanged)]
    const checksum = tableCrc32c(Buffer.concat([before, rest]))
    t.equal(replacePrefix(checksum, before, after, unchanged), tableCrc32c(Buffer.concat([after, rest])), `${unchanged} bytes`)
  }
})

await t.test('an equal beginning changes nothing, also before more bytes than memory holds', async t => {
  const same = randomBytes(40)
  t.equal(replacePrefix(0xdeadbeef, same, same, 2 ** 31 + 5), 0xdeadbeef)
})

await t.test('zeros shift like the checksum itself', async t => {
  const [before, after, zeros] = [randomBytes(8), randomBytes(8), Buffer.alloc(3_000_000)]
  t.equal(replacePrefix(tableCrc32c(zeros, tableCrc32c(before)), before, after, zeros.length), tableCrc32c(zeros, tableCrc32c(after)))
})

await t.test('damage to the unchanged bytes after the old checksum was computed does not get a valid checksum', async t => {
  const [before, after, rest] = [randomBytes(40), randomBytes(40), randomBytes(500)]
  const checksum = tableCrc32c(Buffer.concat([before, rest]))
  rest[250]! ^= 1
  t.not(replacePrefix(checksum, before, after, rest.length), tableCrc32c(Buffer.concat([after, rest])))
})
