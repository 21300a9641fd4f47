// One alert schema: its text as published (whitespace-free, docs and defaults kept) and what the program does with it: encode, decode,
// skip, and read the alert's id by projection, without decoding the rest. 64-bit longs are bigint throughout.
import { frameHeaderLength, writeFrameHeader } from './wire-format.ts'
import { schemaErrors } from './errors.ts'
import { compactJson } from './compact-json.ts'
import { buildType, tapType, type AvscType } from './avsc-types.ts'
import { readLong } from './varint.ts'
import { messageOf } from '../pipeline/errors.ts'

/** A decoded record: fields by name; longs are bigint, bytes are Buffers of their own, unions are the bare value. */
export type AlertValue = Record<string, unknown>

export interface AlertSchema {
  /** The schema as JSON without whitespace; docs, defaults and aliases kept. */
  readonly text: string
  /** Full name of the root record: `lsst.v11_1.alert`. */
  readonly name: string
  /** Names of the root record's fields, in order. */
  readonly fields: readonly string[]
  /** Name of the first field, which carries the id: `alertId` up to 7.x, `diaSourceId` from 8.0. */
  readonly alertIdField: string
  /** The avsc type behind it. */
  readonly type: AvscType
  /** Avro binary of a value; absent fields take their default. Error: VALUE_INVALID with the path of the field. */
  encode (value: AlertValue): Buffer
  /** As `encode`, with the Confluent header before it, in one copy. */
  encodeFramed (schemaId: number, value: AlertValue): Buffer
  /** The value of exactly one datum. Error: DATUM_INVALID. */
  decode (datum: Buffer): AlertValue
  /** The value of the datum at `offset` and where it ends. Error: DATUM_INVALID. */
  decodeAt (bytes: Buffer, offset: number): { readonly value: AlertValue, readonly end: number }
  /** Where the datum at `offset` ends. Error: DATUM_INVALID. */
  skipAt (bytes: Buffer, offset: number): number
  /** The id, read from the first bytes only. Errors: SCHEMA_NO_ALERT_ID, DATUM_INVALID. */
  readAlertId (datum: Buffer): bigint
}

interface RecordType extends AvscType {
  readonly fields: ReadonlyArray<{ readonly name: string, readonly type: AvscType }>
}

/** Parses the schema of an alert: a record. Error: SCHEMA_INVALID. */
export function parseSchema (text: string, where?: string): AlertSchema {
  let compact: string
  let type: AvscType
  try {
    compact = compactJson(text)
    type = buildType(JSON.parse(compact))
  } catch (error) {
    throw schemaErrors.SCHEMA_INVALID(`the Avro schema cannot be parsed: ${messageOf(error)}`, { where, cause: error })
  }
  if (type.typeName !== 'record') throw schemaErrors.SCHEMA_INVALID(`the schema is of type ${type.typeName}, not a record`, { where })
  return new ParsedSchema(compact, type as RecordType)
}

// Values are encoded into this buffer, which grows to the largest seen, then copied out: one pass over the value, no guess of its size.
let scratch = Buffer.allocUnsafeSlow(256 * 1024)

class ParsedSchema implements AlertSchema {
  readonly text: string
  readonly type: AvscType
  readonly name: string
  readonly fields: readonly string[]
  readonly alertIdField: string
  readonly #idIsLong: boolean
  readonly #skipper: AvscType

  constructor (text: string, type: RecordType) {
    this.text = text
    this.type = type
    this.name = type.name ?? ''
    this.fields = type.fields.map(field => field.name)
    this.alertIdField = this.fields[0] ?? ''
    const first = type.fields[0]?.type.typeName
    this.#idIsLong = first === 'long' || first === 'abstract:long'
    const tap = tapType(type)
    // decode() of a type whose read is a skip: the one way to a tap through avsc's public methods.
    this.#skipper = Object.create(type, { _read: { value: (cursor: never) => tap._skip(cursor) } }) as AvscType
  }

  encode (value: AlertValue): Buffer {
    const end = this.#write(value, 0)
    return Buffer.from(scratch.subarray(0, end))
  }

  encodeFramed (schemaId: number, value: AlertValue): Buffer {
    const end = this.#write(value, frameHeaderLength)
    writeFrameHeader(scratch, schemaId)
    return Buffer.from(scratch.subarray(0, end))
  }

  decode (datum: Buffer): AlertValue {
    const { value, end } = this.decodeAt(datum, 0)
    if (end !== datum.length) throw this.#invalid(`${datum.length - end} of its ${datum.length} bytes are left over`)
    return value
  }

  decodeAt (bytes: Buffer, offset: number): { value: AlertValue, end: number } {
    const { value, end } = this.#run(this.type, bytes, offset)
    return { value: value as AlertValue, end }
  }

  skipAt (bytes: Buffer, offset: number): number {
    return this.#run(this.#skipper, bytes, offset).end
  }

  readAlertId (datum: Buffer): bigint {
    if (!this.#idIsLong) {
      throw schemaErrors.SCHEMA_NO_ALERT_ID(`the first field of ${this.name}, ${JSON.stringify(this.alertIdField)}, is not a long`)
    }
    const cursor = { buf: datum, pos: 0 }
    let id: bigint
    try {
      id = readLong(cursor)
    } catch (error) {
      throw this.#invalid(messageOf(error), error)
    }
    if (cursor.pos > datum.length) throw this.#invalid(`it ends within ${this.alertIdField} (${datum.length} bytes)`)
    return id
  }

  #write (value: AlertValue, offset: number): number {
    try {
      for (;;) {
        const end = this.type.encode(value, scratch, offset)
        if (end >= 0) return end
        scratch = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, scratch.length - end))
      }
    } catch (error) {
      const paths: string[] = []
      try {
        this.type.isValid(value, { errorHook: (path, seen, type) => { paths.push(`${path.join('.')}: ${describeValue(seen)} is not ${type.typeName}`) } })
      } catch { /* the first message has to do */ }
      const detail = paths.length > 0 ? paths.slice(0, 10).join('; ') : messageOf(error)
      throw schemaErrors.VALUE_INVALID(`the value does not fit ${this.name}: ${detail}`, { cause: error })
    }
  }

  #run (type: AvscType, bytes: Buffer, offset: number): { value: unknown, end: number } {
    let decoded: { value: unknown, offset: number }
    try {
      decoded = type.decode(bytes, offset)
    } catch (error) {
      throw this.#invalid(messageOf(error), error)
    }
    if (decoded.offset < 0) throw this.#invalid('it ends before its last field')
    return { value: decoded.value, end: decoded.offset }
  }

  #invalid (what: string, cause?: unknown): Error {
    return schemaErrors.DATUM_INVALID(`the datum cannot be read as ${this.name}: ${what}`, { cause })
  }
}

function describeValue (value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return `${typeof value} ${String(value)}`
  return typeof value
}
