// An alert schema: the published text without whitespace, and the functions that encode, decode and skip data or read only the alert id of
// a datum.
import { typeOf } from './avsc-schema.ts'
import type { AvscType } from './avsc-types.ts'
import { assertNothingFollows, decodeDatum, invalidDatum, readFirstLong } from './datum.ts'
import { schemaErrors } from './errors.ts'
import { doubleReader, fieldsReader, longReader, type FieldsReader, type FieldToRead } from './field-reader.ts'
import { compactJson, parseExactly } from './schema-json.ts'
import { parseTree, type RecordNode, type SchemaNode } from './schema-tree.ts'
import { skipper, type Skipper } from './skipper.ts'
import { kindOf } from './type-shape.ts'
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
  /** The structure of the schema. */
  readonly root: RecordNode
  /** The avsc type. Only decoding and encoding need it. Error: SCHEMA_INVALID if avsc does not accept the schema. */
  readonly type: AvscType
  /** Returns a value as Avro binary. Absent fields get their default values. Error: VALUE_INVALID with the path of the field. */
  encode (value: AlertValue): Buffer
  /** Returns a value as a Confluent frame. Adding the header needs no extra copy of the datum. Error: VALUE_INVALID. */
  encodeFramed (schemaId: number, value: AlertValue): Buffer
  /** Decodes exactly one datum. Error: DATUM_INVALID. */
  decode (datum: Buffer): AlertValue
  /** The value of the datum at `offset`, and the offset of its end. Error: DATUM_INVALID. */
  decodeAt (bytes: Buffer, offset: number): { readonly value: AlertValue, readonly end: number }
  /** The offset of the end of the datum at `offset`. All bytes are checked, but nothing is decoded. Error: DATUM_INVALID. */
  skipAt (bytes: Buffer, offset: number): number
  /** As skipAt, but also for a datum with invalid values whose end is known. Error: DATUM_INVALID. */
  endAt (bytes: Buffer, offset: number): number
  /** Throws DATUM_INVALID unless the bytes are exactly one datum. */
  checkDatum (datum: Buffer): void
  /** The alert id, read from the first bytes of the datum only. Errors: SCHEMA_NO_ALERT_ID, DATUM_INVALID. */
  readAlertId (datum: Buffer): bigint
  /** The visit of the triggering source, `diaSource.visit`, in a valid datum. undefined if the schema or the alert has none. */
  readVisit (datum: Buffer): bigint | undefined
  /** The mid-point of the triggering exposure in a valid datum (MJD, TAI, days). undefined if the schema or the alert has none. */
  readMidpoint (datum: Buffer): number | undefined
  /** A reader of fields of the record that `path` leads to, in valid data. undefined if the schema has no record there. */
  fieldsReader (path: readonly string[], fields: readonly FieldToRead[]): FieldsReader | undefined
}

/** Parses an alert schema, which must be a record. Error: SCHEMA_INVALID. */
export function parseSchema (text: string, where?: string): AlertSchema {
  let compact: string
  let root: SchemaNode
  try {
    compact = compactJson(text)
    root = parseTree(parseExactly(compact))
  } catch (error) {
    throw invalidSchema(error, where)
  }
  if (root.kind !== 'record') throw schemaErrors.SCHEMA_INVALID(`the schema is of type ${root.kind}, not a record`, { where })
  return new ParsedSchema(compact, root, where)
}

function invalidSchema (cause: unknown, where: string | undefined): AlertStreamError {
  return schemaErrors.SCHEMA_INVALID(`the Avro schema cannot be parsed: ${messageOf(cause)}`, { where, cause })
}

// Values are encoded into this buffer and then copied out, so encoding needs no size estimate. The buffer grows to the largest value.
let scratch = Buffer.allocUnsafeSlow(256 * 1024)

class ParsedSchema implements AlertSchema {
  readonly text: string
  readonly name: string
  readonly alertIdField: string
  readonly root: RecordNode
  readonly #where: string | undefined
  readonly #idIsLong: boolean
  readonly #skip: Skipper
  readonly #readVisit: ReturnType<typeof longReader>
  readonly #readMidpoint: ReturnType<typeof doubleReader>
  #type: AvscType | undefined

  constructor (text: string, root: RecordNode, where: string | undefined) {
    const first = root.fields[0]
    this.text = text
    this.name = root.name
    this.alertIdField = first?.name ?? ''
    this.root = root
    this.#where = where
    this.#idIsLong = first?.type.kind === 'long'
    this.#skip = skipper(root)
    this.#readVisit = longReader(root, ['diaSource', 'visit'])
    // The field was renamed in version 5.0.
    this.#readMidpoint = doubleReader(root, ['diaSource', 'midpointMjdTai']) ?? doubleReader(root, ['diaSource', 'midPointTai'])
  }

  get type (): AvscType {
    try {
      return this.#type ??= typeOf(this.root)
    } catch (error) {
      throw invalidSchema(error, this.#where)
    }
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
    return this.#end(bytes, offset, false)
  }

  endAt (bytes: Buffer, offset: number): number {
    return this.#end(bytes, offset, true)
  }

  #end (bytes: Buffer, offset: number, tolerant: boolean): number {
    let end: number
    try {
      end = this.#skip(bytes, offset, tolerant)
    } catch (error) {
      throw invalidDatum(this.name, messageOf(error), error)
    }
    if (end > bytes.length) throw invalidDatum(this.name, 'it ends before its last field')
    return end
  }

  checkDatum (datum: Buffer): void {
    assertNothingFollows(this.name, datum, 0, this.skipAt(datum, 0))
  }

  readAlertId (datum: Buffer): bigint {
    if (!this.#idIsLong) throw noAlertId(this)
    return readFirstLong(this.name, this.alertIdField, datum)
  }

  readVisit (datum: Buffer): bigint | undefined {
    return this.#readVisit?.(datum)
  }

  readMidpoint (datum: Buffer): number | undefined {
    return this.#readMidpoint?.(datum)
  }

  fieldsReader (path: readonly string[], fields: readonly FieldToRead[]): FieldsReader | undefined {
    return fieldsReader(this.root, path, fields)
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
