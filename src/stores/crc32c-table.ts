// CRC32C in plain JavaScript, table-driven ("slicing by 8"), about 1.2 GB/s. `crc32c.ts` uses it if the native version is missing.

const tables = makeTables()

/** CRC32C of `data` as an unsigned 32-bit number. `previous`: checksum of the preceding bytes. */
export function tableCrc32c (data: Uint8Array, previous = 0): number {
  let crc = ~previous
  const length = data.length
  const eights = length - length % 8
  let i = 0
  // V8 omits the bounds checks for indices of the form `n | constant` into one flat table. Every index is in range by construction.
  for (; i < eights; i += 8) {
    const word = crc ^ (data[i]! | data[i + 1]! << 8 | data[i + 2]! << 16 | data[i + 3]! << 24)
    crc = tables[1792 | word & 255]! ^ tables[1536 | word >>> 8 & 255]! ^ tables[1280 | word >>> 16 & 255]! ^ tables[1024 | word >>> 24]! ^
      tables[768 | data[i + 4]!]! ^ tables[512 | data[i + 5]!]! ^ tables[256 | data[i + 6]!]! ^ tables[data[i + 7]!]!
  }
  for (; i < length; i++) crc = crc >>> 8 ^ tables[(crc ^ data[i]!) & 255]!
  return ~crc >>> 0
}

function makeTables (): Int32Array {
  const made = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0x82f63b78 : crc >>> 1
    made[byte] = crc
  }
  for (let i = 256; i < made.length; i++) {
    const before = made[i - 256]!
    made[i] = before >>> 8 ^ made[before & 255]!
  }
  return made
}
