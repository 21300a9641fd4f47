// The 64-bit fingerprint of a schema, CRC-64-AVRO, and the header of the single-object encoding, which names the schema of a datum by its
// fingerprint (Avro specification, "Schema Fingerprints" and "Single-object encoding").
import { canonicalText } from './canonical-form.ts'

const MARKER = [0xc3, 0x01]
const EMPTY = 0xc15d213aa4d7a795n

const table = Array.from({ length: 256 }, (_, byte) => {
  let fingerprint = BigInt(byte)
  for (let bit = 0; bit < 8; bit++) fingerprint = (fingerprint >> 1n) ^ (fingerprint & 1n ? EMPTY : 0n)
  return fingerprint
})

/** CRC-64-AVRO of the Parsing Canonical Form of a schema. Throws Error if the text is not a schema. */
function fingerprint (text: string): bigint {
  let value = EMPTY
  for (const byte of Buffer.from(canonicalText(text))) value = (value >> 8n) ^ table[Number(value & 0xffn) ^ byte]!
  return value
}

/** The marker C3 01 and the little-endian fingerprint of the schema. The datum follows this header. Throws like `fingerprint`. */
export function singleObjectHeader (text: string): Buffer {
  const header = Buffer.alloc(MARKER.length + 8)
  header.set(MARKER)
  header.writeBigUInt64LE(fingerprint(text), MARKER.length)
  return header
}
