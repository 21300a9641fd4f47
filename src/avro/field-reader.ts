// Reads single fields of a datum without decoding the rest: all fields before them are skipped. The datum must have been checked.
import { readFirstLong } from './datum.ts'
import type { FieldNode, RecordNode, SchemaNode } from './schema-tree.ts'
import { skipper } from './skipper.ts'
import { readLong, type Cursor } from './varint.ts'

/** Returns the offset of a field in a datum, or -1 if a record that contains the field is null. */
type Locate = (datum: Buffer, pos: number) => number

/** A field to read, and what it is read as: `long` reads int and long, `number` int, float and double, `text` string and enum. */
export interface FieldToRead {
  /** Its name, followed by its names in older schemas. The first name that the schema has counts. */
  readonly names: readonly string[]
  readonly as: 'long' | 'number' | 'text'
}

type FieldValue = bigint | number | string | null

/** Returns the values in the order of the fields to read. */
export type FieldsReader = (datum: Buffer) => readonly FieldValue[]

/** Reads the value at the cursor and advances it past the value. */
type Read = (cursor: Cursor) => FieldValue

/**
 * Compiles a reader of a long field.
 * @param path names of the fields that lead to the long, from the root record
 * @returns undefined if the schema has no long there. The reader returns undefined if the field, or a record that contains it, is null.
 */
export function longReader (root: RecordNode, path: readonly string[]): ((datum: Buffer) => bigint | undefined) | undefined {
  const locate = locator(root, path, ({ kind }) => kind === 'long')
  if (locate === undefined) return undefined
  return datum => {
    const pos = locate(datum, 0)
    return pos < 0 ? undefined : readFirstLong(root.name, path.join('.'), datum.subarray(pos))
  }
}

/** Compiles a reader of a double field, like `longReader`. */
export function doubleReader (root: RecordNode, path: readonly string[]): ((datum: Buffer) => number | undefined) | undefined {
  const locate = locator(root, path, ({ kind }) => kind === 'double')
  if (locate === undefined) return undefined
  return datum => {
    const pos = locate(datum, 0)
    return pos < 0 ? undefined : datum.readDoubleLE(pos)
  }
}

/**
 * Compiles a reader of several fields of one record, which reads them in one pass.
 * @param path names of the fields that lead to the record, from the root record
 * @returns undefined if the schema has no record there. A value is null if the field or the record is null, or if the schema has no such
 *   field of a type that can be read as wanted.
 */
export function fieldsReader (root: RecordNode, path: readonly string[], fields: readonly FieldToRead[]): FieldsReader | undefined {
  let record: RecordNode | undefined
  const locate = locator(root, path, node => {
    if (node.kind === 'record') record ??= node
    return node === record
  })
  if (locate === undefined || record === undefined) return undefined
  const steps = stepsOf(record, fields)
  return datum => {
    const values: FieldValue[] = fields.map(() => null)
    const pos = locate(datum, 0)
    if (pos < 0) return values
    const cursor = { buf: datum, pos }
    for (const step of steps) step(cursor, values)
    return values
  }
}

/** One step for each field to read, and one for each run of other fields before it, in the order of the record. */
function stepsOf (record: RecordNode, wanted: readonly FieldToRead[]): Array<(cursor: Cursor, values: FieldValue[]) => void> {
  const steps: Array<(cursor: Cursor, values: FieldValue[]) => void> = []
  const indexes = new Map<FieldNode, number>()
  wanted.forEach(({ names, as }, index) => {
    const field = names.map(name => record.fields.find(each => each.name === name)).find(found => found !== undefined)
    if (field !== undefined && reader(field.type, as) !== undefined) indexes.set(field, index)
  })
  let skipped: FieldNode[] = []
  for (const field of record.fields) {
    const index = indexes.get(field)
    if (index === undefined) {
      skipped.push(field)
      continue
    }
    if (skipped.length > 0) {
      const skip = skipper({ ...record, fields: skipped })
      steps.push(cursor => { cursor.pos = skip(cursor.buf, cursor.pos) })
      skipped = []
    }
    const read = reader(field.type, wanted[index]!.as)!
    steps.push((cursor, values) => { values[index] = read(cursor) })
  }
  return steps
}

/** Returns undefined if no value of the type can be read as required. */
function reader (node: SchemaNode, as: FieldToRead['as']): Read | undefined {
  switch (node.kind) {
    case 'int':
    case 'long': return as === 'long' ? readLong : as === 'number' ? cursor => Number(readLong(cursor)) : undefined
    case 'float': return as === 'number' ? fixed(4, (buf, pos) => buf.readFloatLE(pos)) : undefined
    case 'double': return as === 'number' ? fixed(8, (buf, pos) => buf.readDoubleLE(pos)) : undefined
    case 'string': return as === 'text' ? readText : undefined
    case 'enum': return as === 'text' ? cursor => node.symbols[Number(readLong(cursor))] ?? null : undefined
    case 'union': {
      const reads = node.branches.map(branch => reader(branch, as) ?? unread(branch))
      if (node.branches.every(branch => reader(branch, as) === undefined)) return undefined
      return cursor => {
        const byte = cursor.buf[cursor.pos]!
        // Nearly every branch takes one byte.
        if (byte >= 0x80) return reads[Number(readLong(cursor))]!(cursor)
        cursor.pos++
        return reads[byte >>> 1]!(cursor)
      }
    }
    default: return undefined
  }
}

function unread (node: SchemaNode): Read {
  if (node.kind === 'null') return () => null
  const skip = skipper(node)
  return cursor => {
    cursor.pos = skip(cursor.buf, cursor.pos)
    return null
  }
}

function fixed (bytes: number, read: (buf: Buffer, pos: number) => number): Read {
  return cursor => {
    cursor.pos += bytes
    return read(cursor.buf, cursor.pos - bytes)
  }
}

function readText (cursor: Cursor): string {
  const length = Number(readLong(cursor))
  cursor.pos += length
  return cursor.buf.toString('utf8', cursor.pos - length, cursor.pos)
}

function locator (node: SchemaNode, path: readonly string[], isTarget: (node: SchemaNode) => boolean): Locate | undefined {
  if (node.kind === 'union') return inUnion(node.branches.map(branch => locator(branch, path, isTarget)))
  const [name, ...rest] = path
  if (name === undefined) return isTarget(node) ? (_datum, pos) => pos : undefined
  if (node.kind !== 'record') return undefined
  const index = node.fields.findIndex(field => field.name === name)
  const inner = index < 0 ? undefined : locator(node.fields[index]!.type, rest, isTarget)
  if (inner === undefined) return undefined
  const skips = node.fields.slice(0, index).map(({ type }) => skipper(type))
  return (datum, pos) => {
    for (const skip of skips) pos = skip(datum, pos)
    return inner(datum, pos)
  }
}

function inUnion (branches: ReadonlyArray<Locate | undefined>): Locate | undefined {
  if (branches.every(branch => branch === undefined)) return undefined
  return (datum, pos) => {
    const branch = branches[Number(readFirstLong('a union', 'the branch', datum.subarray(pos)))]
    while (datum[pos]! >= 0x80) pos++
    return branch === undefined ? -1 : branch(datum, pos + 1)
  }
}
