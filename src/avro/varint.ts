// Avro longs: zigzag, then base-128 with the low group first, 1 to 10 bytes. Read and written as bigint without loss; values below
// 2^53 go through number arithmetic, which is several times faster than bigint shifts.

/** What the readers here move over: avsc's tap has this shape. */
export interface Cursor {
  readonly buf: Buffer
  pos: number
}

/** Most bytes one long can take. */
export const longestVarint = 10

/** Reads a long and moves the cursor behind it. Past the end it reads zeros and leaves `pos` beyond `buf.length`, as avsc does. */
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
  // Bits 28-48 still fit exactly into a number.
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
  if (byte & 0x80) throw new Error('a long of more than 10 bytes')
  const bits = BigInt.asUintN(64, (BigInt(high) << 49n) | BigInt(small))
  return bits & 1n ? -(bits >> 1n) - 1n : bits >> 1n
}

/** Moves the cursor behind a long. */
export function skipLong (cursor: Cursor): void {
  const { buf } = cursor
  while (buf[cursor.pos++]! & 0x80);
}

/** Writes a long within 64 bits; past the end of the buffer it only counts, so that the caller can see how much is missing. */
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

/** A long as bytes of its own. */
export function encodeLong (value: bigint | number): Buffer {
  const cursor = { buf: Buffer.allocUnsafe(longestVarint), pos: 0 }
  writeLong(cursor, BigInt(value))
  return cursor.buf.subarray(0, cursor.pos)
}
