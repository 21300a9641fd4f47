// A writer schema as the ingester uses it: it checks that a record is exactly one datum, and reads the alert id and the visit. If the
// schema does not determine the encoding of a whole datum, but its first field is a long, only the alert id is read.
import { readFirstLong } from './datum.ts'
import type { FieldsReader, FieldToRead } from './field-reader.ts'
import { compactJson } from './schema-json.ts'
import { parseSchema } from './schema.ts'

export interface WriterSchema {
  /** Whether `alertIdOf` checks the whole datum. */
  readonly checked: boolean
  /** Returns the alert id. Errors: DATUM_INVALID if the bytes are not exactly one datum; SCHEMA_NO_ALERT_ID. */
  alertIdOf (datum: Buffer): bigint
  /** The field `diaSource.visit` of a datum that `alertIdOf` has accepted. undefined without this field, or if `checked` is false. */
  visitOf (datum: Buffer): bigint | undefined
  /**
   * A reader of fields of the record that `path` leads to, in data that `alertIdOf` has accepted. undefined if the schema has no record
   * there, or if `checked` is false.
   */
  fieldsReader (path: readonly string[], fields: readonly FieldToRead[]): FieldsReader | undefined
}

/** Error: SCHEMA_INVALID if the text is neither an Avro record schema nor the JSON of a record whose first field is a long. */
export function parseWriterSchema (text: string, where: string): WriterSchema {
  try {
    const schema = parseSchema(text, where)
    return {
      checked: true,
      alertIdOf (datum) {
        schema.checkDatum(datum)
        return schema.readAlertId(datum)
      },
      visitOf: datum => schema.readVisit(datum),
      fieldsReader: (path, fields) => schema.fieldsReader(path, fields)
    }
  } catch (error) {
    const first = firstLong(text)
    if (first === undefined) throw error
    return {
      checked: false,
      alertIdOf: datum => readFirstLong(first.record, first.field, datum),
      visitOf: () => undefined,
      fieldsReader: () => undefined
    }
  }
}

interface RecordJson {
  readonly type?: unknown
  readonly name?: unknown
  readonly fields?: ReadonlyArray<{ readonly name?: unknown, readonly type?: unknown } | null> | null
}

/** The names of the record and of its first field if the text is the JSON of a record whose first field is a long. */
function firstLong (text: string): { readonly record: string, readonly field: string } | undefined {
  let record: RecordJson | null
  try {
    record = JSON.parse(compactJson(text)) as RecordJson | null
  } catch {
    return undefined
  }
  const first = record?.type === 'record' && Array.isArray(record.fields) ? record.fields[0] : undefined
  const type = (first?.type as { readonly type?: unknown } | null | undefined)?.type ?? first?.type
  return type === 'long' ? { record: String(record?.name), field: String(first?.name) } : undefined
}
