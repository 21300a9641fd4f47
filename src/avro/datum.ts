// Decodes one datum with an avsc type. Bytes that the type cannot read cause DATUM_INVALID.
import type { AvscType } from './avsc-types.ts'
import { schemaErrors } from './errors.ts'
import { readLong } from './varint.ts'
import { messageOf, type AlertStreamError } from '../pipeline/errors.ts'

/** The value of the datum at `offset`, and the offset of its end. `name` is the schema name for error messages. Error: DATUM_INVALID. */
export function decodeDatum (type: AvscType, name: string, bytes: Buffer, offset: number): { value: unknown, end: number } {
  let decoded: { value: unknown, offset: number }
  try {
    decoded = type.decode(bytes, offset)
  } catch (error) {
    throw invalidDatum(name, messageOf(error), error)
  }
  if (decoded.offset < 0) throw invalidDatum(name, 'it ends before its last field')
  return { value: decoded.value, end: decoded.offset }
}

/** Throws DATUM_INVALID if bytes follow the datum, which extends from `offset` to `end`. */
export function assertNothingFollows (name: string, bytes: Buffer, offset: number, end: number): void {
  if (end === bytes.length) return
  throw invalidDatum(name, `${bytes.length - end} of its ${bytes.length - offset} bytes are left over`)
}

/** Reads the long with which the datum begins. Error: DATUM_INVALID. */
export function readFirstLong (name: string, field: string, datum: Buffer): bigint {
  const cursor = { buf: datum, pos: 0 }
  let value: bigint
  try {
    value = readLong(cursor)
  } catch (error) {
    throw invalidDatum(name, messageOf(error), error)
  }
  if (cursor.pos > datum.length) throw invalidDatum(name, `it ends inside ${field} (${datum.length} bytes)`)
  return value
}

export function invalidDatum (name: string, what: string, cause?: unknown): AlertStreamError {
  return schemaErrors.DATUM_INVALID(`the datum cannot be read as ${name}: ${what}`, { cause })
}
