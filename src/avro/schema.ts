// An alert schema: the published text without whitespace, and the functions that encode, decode and skip data or read only the alert id of
// a datum.
import { buildType, deriveType, tapType, type AvscType } from './avsc-types.ts'
import { compactJson } from './compact-json.ts'
import { assertNothingFollows, decodeDatum, invalidDatum } from './datum.ts'
import { schemaErrors } from './errors.ts'
import { kindOf, shapeOf } from './type-shape.ts'
import { readLong } from './varint.ts'
import { frameHeaderLength, writeFrameHeader } from './wire-format.ts'
import { messageOf, type AlertStreamError } from '../pipeline/errors.ts'

/** A decoded record: fields by name. Longs are bigint, bytes are copied Buffers, unions are plain values. */
export type AlertValue = Record<string, unknown>

export interface AlertSchema {
  /** The schema as JSON without whitespace, including docs, defaults and aliases. */
  readonly text: string
  /** Full name of the root record, such as `lsst.v11_1.alert`. */
  readonly name: string
  /** Name of the first field, the alert id: `alertId` up to 7.x, `diaSourceId` from 8.0. */
  readonly alertIdField: string
  readonly type: AvscType
  /** Returns a value as Avro binary. Absent fields get their default values. Error: VALUE_INVALID with the path of the field. */
  encode (value: AlertValue): Buffer
  /** Returns a value as a Confluent frame. Adding the header needs no extra copy of the datum. Error: VALUE_INVALID. */
  encodeFramed (schemaId: number, value: AlertValue): Buffer
  /** Decodes exactly one datum. Error: DATUM_INVALID. */
  decode (datum: Buffer): AlertValue
  /** The value of the datum at `offset`, and the offset of its end. Error: DATUM_INVALID. */
  decodeAt (bytes: Buffer, offset: number): { readonly value: AlertValue, readonly end: number }
  /** The offset of the end of the datum at `offset`. Error: DATUM_INVALID. */
  skipAt (bytes: Buffer, offset: number): number
  /** The alert id, read from the first bytes of the datum only. Errors: SCHEMA_NO_ALERT_ID, DATUM_INVALID. */
  readAlertId (datum: Buffer): bigint
}

/** Parses an alert schema, which must be a record. Error: SCHEMA_INVALID. */
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
  return new ParsedSchema(compact, type)
}

// Values are encoded into this buffer and then copied out, so encoding needs no size estimate. The buffer grows to the largest value.
let scratch = Buffer.allocUnsafeSlow(256 * 1024)

class ParsedSchema implements AlertSchema {
  readonly text: string
  readonly type: AvscType
  readonly name: string
  readonly alertIdField: string
  readonly #idIsLong: boolean
  readonly #skipper: AvscType

  constructor (text: string, type: AvscType) {
    this.text = text
    this.type = type
    this.name = type.name ?? ''
    const first = shapeOf(type).fields[0]
    this.alertIdField = first?.name ?? ''
    this.#idIsLong = first !== undefined && kindOf(first.type) === 'long'
    const tap = tapType(type)
    // Decoding with this type skips the datum. avsc's public methods give access to a tap only through decode().
    this.#skipper = deriveType(type, { _read: cursor => tap._skip(cursor) })
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
    assertNothingFollows(this.name, datum, 0, end)
    return value
  }

  decodeAt (bytes: Buffer, offset: number): { value: AlertValue, end: number } {
    return decodeDatum(this.type, this.name, bytes, offset) as { value: AlertValue, end: number }
  }

  skipAt (bytes: Buffer, offset: number): number {
    return decodeDatum(this.#skipper, this.name, bytes, offset).end
  }

  readAlertId (datum: Buffer): bigint {
    if (!this.#idIsLong) throw noAlertId(this)
    const cursor = { buf: datum, pos: 0 }
    let id: bigint
    try {
      id = readLong(cursor)
    } catch (error) {
      throw invalidDatum(this.name, messageOf(error), error)
    }
    if (cursor.pos > datum.length) throw invalidDatum(this.name, `it ends inside ${this.alertIdField} (${datum.length} bytes)`)
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
        this.type.isValid(value, {
          errorHook: (path, seen, type) => { paths.push(`${path.join('.')}: ${describeValue(seen)} is not ${kindOf(type)}`) }
        })
      } catch { /* VALUE_INVALID then has the encoder's message. */ }
      const detail = paths.length > 0 ? paths.slice(0, 10).join('; ') : messageOf(error)
      throw schemaErrors.VALUE_INVALID(`the value does not match ${this.name}: ${detail}`, { cause: error })
    }
  }
}

export function noAlertId ({ name, alertIdField }: AlertSchema): AlertStreamError {
  return schemaErrors.SCHEMA_NO_ALERT_ID(`the first field of ${name}, ${JSON.stringify(alertIdField)}, is not a long`)
}

function describeValue (value: unknown): string {
  if (value === undefined) return 'nothing'
  return value === null || ['number', 'boolean', 'bigint'].includes(typeof value) ? `${typeof value} ${String(value)}` : typeof value
}
