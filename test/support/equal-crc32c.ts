// Forges frames with equal CRC32C. CRC32C is linear: each bit of the frame flips a fixed set of bits of the checksum.
import { crc32c } from '../../src/stores/crc32c.ts'

/** Returns a copy of `bytes` whose last 4 bytes are chosen so that its CRC32C is the one of `model`. */
export function forge (bytes: Buffer, model: Buffer): Buffer {
  const forged = Buffer.concat([bytes.subarray(0, -4), Buffer.alloc(4)])
  const start = forged.length - 4
  const before = crc32c(forged)
  // Gaussian elimination over the 32 bits: `rows` has one row per highest bit of the checksum, with the last bytes that flip these bits.
  const rows = new Map<number, { readonly effect: number, readonly bits: number }>()
  const reduce = (effect: number, bits: number) => {
    for (let row = rows.get(Math.clz32(effect)); effect !== 0 && row !== undefined; row = rows.get(Math.clz32(effect))) {
      effect = (effect ^ row.effect) >>> 0
      bits = (bits ^ row.bits) >>> 0
    }
    return { effect, bits }
  }
  for (let bit = 0; bit < 32; bit++) {
    forged.writeUInt32LE(2 ** bit, start)
    const row = reduce((crc32c(forged) ^ before) >>> 0, 2 ** bit)
    rows.set(Math.clz32(row.effect), row)
  }
  forged.writeUInt32LE(reduce((crc32c(model) ^ before) >>> 0, 0).bits, start)
  return forged
}
