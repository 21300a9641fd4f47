// Avro longs: zigzag encoding, then base-128 varint, low group first, 1 to 10 bytes (Avro spec, "Primitive Types"). Values are bigint and
// exact over 64 bits. Values below 2^53 use number arithmetic, which is several times faster than bigint shifts.

/** A read or write position in a buffer; avsc's tap has this shape. */
export interface Cursor {
  readonly buf: Buffer
  pos: number
}

/** Maximum length of an encoded long in bytes. */
const MAX_VARINT_LENGTH = 10

/**
 * Reads a long and advances the cursor. If the buffer ends inside the long, `pos` is beyond `buf.length` afterwards, as in avsc.
 * Throws Error if the long has more than 10 bytes or more than 64 bits.
 */
export function readLong (cursor: Cursor): bigint {
  const { buf } = cursor
  let pos = cursor.pos
  let byte = buf[pos++]!
  let low = byte & 0x7f
  let shift = 7
  while (byte & 0x80 && shift < 28) {
    byte = buf[pos++]!
    low |= (byte & 0x7f) << shift
    shift += 7
  }
  if (!(byte & 0x80)) {
    cursor.pos = pos
    return BigInt((low >>> 1) ^ -(low & 1))
  }
  // Reads bits 28 to 48 of the value. A value of up to 49 bits still fits exactly into a number.
  let middle = 0
  for (shift = 0; byte & 0x80 && shift < 21; shift += 7) {
    byte = buf[pos++]!
    middle |= (byte & 0x7f) << shift
  }
  const small = low + middle * 0x10000000
  if (!(byte & 0x80)) {
    cursor.pos = pos
    return BigInt(small % 2 ? -(small + 1) / 2 : small / 2)
  }
  let high = 0
  for (shift = 0; byte & 0x80 && shift < 21; shift += 7) {
    byte = buf[pos++]!
    high += (byte & 0x7f) * 2 ** shift
  }
  cursor.pos = pos
  if (byte & 0x80) throw new Error('a long has more than 10 bytes')
  if (high >= 0x8000) throw new Error('a long has more than 64 bits')
  const bits = (BigInt(high) << 49n) | BigInt(small)
  return bits & 1n ? -(bits >> 1n) - 1n : bits >> 1n
}

/** Advances the cursor past a long. Throws Error if the long has more than 10 bytes. */
export function skipLong (cursor: Cursor): void {
  const { buf, pos } = cursor
  while (buf[cursor.pos++]! & 0x80) if (cursor.pos - pos === MAX_VARINT_LENGTH) throw new Error('a long has more than 10 bytes')
}

/** Writes a 64-bit long. Past the end of the buffer, only `pos` advances, so that the caller learns how much space is missing. */
export function writeLong (cursor: Cursor, value: bigint): void {
  const { buf } = cursor
  let pos = cursor.pos
  if (value >= -0x8000000000000n && value < 0x8000000000000n) {
    const number = Number(value)
    let zigzag = number < 0 ? -number * 2 - 1 : number * 2
    while (zigzag >= 0x80) {
      buf[pos++] = (zigzag % 0x80) | 0x80
      zigzag = Math.floor(zigzag / 0x80)
    }
    buf[pos++] = zigzag
  } else {
    let zigzag = value < 0n ? -value * 2n - 1n : value * 2n
    while (zigzag >= 0x80n) {
      buf[pos++] = Number(zigzag & 0x7fn) | 0x80
      zigzag >>= 7n
    }
    buf[pos++] = Number(zigzag)
  }
  cursor.pos = pos
}

/** The encoded bytes of a long, in a new buffer. */
export function encodeLong (value: bigint | number): Buffer {
  const cursor = { buf: Buffer.allocUnsafe(MAX_VARINT_LENGTH), pos: 0 }
  writeLong(cursor, BigInt(value))
  return cursor.buf.subarray(0, cursor.pos)
}
