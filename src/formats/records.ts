// The fields of an alert that are records, arrays of records, or null.
import type { RecordNode, SchemaNode } from '../avro/schema-tree.ts'
import type { AlertValue } from '../avro/schema.ts'

/** The records of a field: none if it is null, one if it is a record. */
export function rowsOf (value: unknown): readonly AlertValue[] {
  if (Array.isArray(value)) return value as AlertValue[]
  return value === null || value === undefined ? [] : [value as AlertValue]
}

/** The type of the records of a field. Undefined if the field has no records. */
export function recordIn (type: SchemaNode): RecordNode | undefined {
  if (type.kind === 'record') return type
  if (type.kind === 'array') return recordIn(type.items)
  if (type.kind === 'union') return type.branches.map(recordIn).find(record => record !== undefined)
  return undefined
}
