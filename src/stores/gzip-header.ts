// The header of a gzip member (RFC 1952, section 2.3): modification time, and extra fields for data that every gzip reader skips.
// node:zlib writes no extra field, so `withExtraField` inserts one into a finished member.
import { allocateOwn } from '../pipeline/own-memory.ts'

/** Maximum length of all extra fields of a member, in bytes. */
const MAX_EXTRA_BYTES = 0xffff
/** Length of the two id bytes and the data length before the data of each field. */
const FIELD_HEADER_BYTES = 4
/** Maximum length of the data of a field, if it is the only one, in bytes. */
export const maxFieldBytes = MAX_EXTRA_BYTES - FIELD_HEADER_BYTES

const FIXED_BYTES = 10
const FLAGS_AT = 3
const TIME_AT = 4
const EXTRA_FLAG = 4
const LENGTH_BYTES = 2
const MAX_TIME = 0xffffffff

interface ExtraField {
  /** Two ASCII letters. */
  readonly id: string
  readonly data: Buffer
}

/** What the fixed part of a gzip header says about the extra fields. */
export interface GzipHeader {
  /** Seconds since 1970; 0 if unknown. */
  readonly time: number
  /** Length of the extra fields together with their two-byte length; 0 if there are none. */
  readonly extraBytes: number
}

/**
 * Returns a copy, from `allocateOwn`, of a member without extra fields that has this field and this time (seconds since 1970; 0 if out of
 * range). Throws RangeError if the data are longer than `maxFieldBytes`.
 */
export function withExtraField (member: Buffer, { id, data }: ExtraField, time: number): Buffer {
  const fieldBytes = FIELD_HEADER_BYTES + data.length
  if (fieldBytes > MAX_EXTRA_BYTES) throw new RangeError(`${data.length} bytes do not fit into a gzip header`)
  const result = allocateOwn(member.length + LENGTH_BYTES + fieldBytes)
  member.copy(result, 0, 0, FIXED_BYTES)
  result[FLAGS_AT] = result[FLAGS_AT]! | EXTRA_FLAG
  result.writeUInt32LE(time >= 0 && time <= MAX_TIME ? Math.floor(time) : 0, TIME_AT)
  let at = result.writeUInt16LE(fieldBytes, FIXED_BYTES)
  at += result.write(id, at, 'latin1')
  at = result.writeUInt16LE(data.length, at)
  at += data.copy(result, at)
  member.copy(result, at, FIXED_BYTES)
  return result
}

/** Reads the header of a member from its first bytes. Returns undefined if the bytes are not the beginning of a gzip member. */
export function gzipHeader (start: Buffer): GzipHeader | undefined {
  if (start.length < FIXED_BYTES + LENGTH_BYTES || start.readUInt16BE(0) !== 0x1f8b || start[2] !== 8) return undefined
  const hasExtra = (start[FLAGS_AT]! & EXTRA_FLAG) !== 0
  return { time: start.readUInt32LE(TIME_AT), extraBytes: hasExtra ? LENGTH_BYTES + start.readUInt16LE(FIXED_BYTES) : 0 }
}

/**
 * Returns a view of the data of an extra field; undefined if the bytes are not gzip or have no field with this id.
 * @param start the first bytes of a member
 * Throws Error if the fields are damaged or extend beyond `start`.
 */
export function extraField (start: Buffer, id: string): Buffer | undefined {
  const header = gzipHeader(start)
  if (header === undefined || header.extraBytes === 0) return undefined
  const end = FIXED_BYTES + header.extraBytes
  if (end > start.length) throw new Error(`the extra fields of the gzip header end at byte ${end}, beyond the ${start.length} bytes read`)
  for (let at = FIXED_BYTES + LENGTH_BYTES; at < end;) {
    const dataAt = at + FIELD_HEADER_BYTES
    const next = dataAt > end ? Infinity : dataAt + start.readUInt16LE(at + 2)
    if (next > end) throw new Error(`an extra field of the gzip header, at byte ${at}, is longer than the space for it`)
    if (start.toString('latin1', at, at + 2) === id) return start.subarray(dataAt, next)
    at = next
  }
  return undefined
}
