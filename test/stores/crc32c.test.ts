import t from 'tap'
import { randomBytes } from 'node:crypto'
import { crc32c, hex32 } from '../../src/stores/crc32c.ts'
import { tableCrc32c } from '../../src/stores/crc32c-table.ts'

const ascending = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
// Test vectors of RFC 3720 B.4, and the check value of CRC catalogues: the checksum of the text 123456789.
const known: [string, Buffer, number][] = [
  ['empty', Buffer.alloc(0), 0],
  ['the digits 1 to 9', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 ascending bytes', ascending, 0x46dd794e],
  ['32 descending bytes', Buffer.from(ascending).reverse(), 0x113fdb5c]
]

await t.test('crc32c and tableCrc32c give the published checksums', async t => {
  for (const [name, data, sum] of known) {
    t.equal(crc32c(data), sum, name)
    t.equal(tableCrc32c(data), sum, `${name}, table version`)
  }
})

await t.test('crc32c and tableCrc32c agree at every length and alignment', async t => {
  const noise = randomBytes(4096)
  let differ = 0
  for (let start = 0; start < 9; start++) {
    for (let length = 0; length < 70; length++) {
      const part = noise.subarray(start, start + length)
      if (crc32c(part) !== tableCrc32c(part)) differ++
    }
  }
  t.equal(differ, 0)
  t.equal(crc32c(noise), tableCrc32c(noise))
})

await t.test('a checksum can be computed in parts', async t => {
  const noise = randomBytes(1000)
  for (const checksum of [crc32c, tableCrc32c]) {
    t.equal(checksum(noise.subarray(333), checksum(noise.subarray(0, 333))), checksum(noise))
  }
})

await t.test('hex32 pads to eight digits', async t => {
  t.equal(hex32(0xab), '000000ab')
})
