// Changes single fields of a datum where they stand, without decoding the rest: whatever is not changed stays byte for byte as its producer
// wrote it. A schema is compiled once into a walk that stops at the wanted fields (longs, ints and doubles, in records at any depth) and skips
// all others. Array blocks that carry their size in bytes are given back without it where an item changes its length.
import { schemaErrors } from './errors.ts'
import type { AlertSchema } from './schema.ts'
import { tapType, type AvscType, type TapType } from './avsc-types.ts'
import { encodeLong, readLong, type Cursor } from './varint.ts'
import { messageOf } from '../pipeline/errors.ts'

/** A field that a schema has. */
export interface FieldPlace {
  /** Name of its record, without namespace. */
  readonly record: string
  readonly field: string
  /** Field of the root record within which it is: the field itself, or the one that holds the record. */
  readonly root: string
  /** Whether it is the first field of the root record, which carries the alert's id. */
  readonly first: boolean
}

export type NumberKind = 'int' | 'long' | 'double'

/** A wanted field of one datum. */
export interface Found<T> {
  readonly tag: T
  readonly kind: NumberKind
  /** Where its bytes are. */
  readonly start: number
  readonly end: number
  /** bigint for a long. */
  readonly value: bigint | number
}

/** New bytes for a stretch of old ones. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly bytes: Buffer
}

interface Scan<T> {
  /** In the order of the datum. */
  readonly found: readonly Found<T>[]
  /** To be made as well where any other edit is. */
  readonly blocks: readonly Edit[]
}

/** Finds the wanted fields of the datum that begins at `offset` and ends with the bytes. Error: DATUM_INVALID. */
export type Scanner<T> = (bytes: Buffer, offset: number) => Scan<T>

interface Tap extends Cursor {
  readLong (): number
  readDouble (): number
}
type Walk = (tap: Tap) => void

/** The parts of avsc's types that the compiler looks at. */
interface Shape extends AvscType {
  readonly fields: ReadonlyArray<{ readonly name: string, readonly type: AvscType }>
  readonly types: readonly AvscType[]
  readonly itemsType: AvscType
}
const numbers: Readonly<Record<string, NumberKind>> = { int: 'int', long: 'long', 'abstract:long': 'long', double: 'double' }

/** `wanted` is asked once for each number that the schema has; what it returns comes back as the tag, undefined leaves the field alone. */
export function scanner<T> (schema: AlertSchema, wanted: (place: FieldPlace, kind: NumberKind) => T | undefined): Scanner<T> {
  let found: Found<T>[] = []
  let blocks: Edit[] = []

  function number (place: FieldPlace, kind: NumberKind): Walk | undefined {
    const tag = wanted(place, kind)
    if (tag === undefined) return undefined
    return tap => {
      const start = tap.pos
      const value = kind === 'double' ? tap.readDouble() : kind === 'int' ? tap.readLong() : readLong(tap)
      found.push({ tag, kind, start, end: tap.pos, value })
    }
  }

  function record (type: Shape, root: string | undefined, open: ReadonlySet<AvscType>): Walk | undefined {
    const name = unqualified(type.name ?? '')
    const within = new Set([...open, type])
    const steps: Walk[] = []
    let skipped: TapType[] = []
    const flush = (): void => {
      const types = skipped
      if (types.length > 0) steps.push(tap => { for (const each of types) skip(each, tap) })
      skipped = []
    }
    let any = false
    for (const [index, { name: field, type: fieldType }] of type.fields.entries()) {
      const walk = compile(fieldType, { record: name, field, root: root ?? field, first: root === undefined && index === 0 }, within)
      if (walk === undefined) {
        skipped.push(tapType(fieldType))
        continue
      }
      any = true
      flush()
      steps.push(walk)
    }
    flush()
    return any ? tap => { for (const step of steps) step(tap) } : undefined
  }

  function array (type: Shape, place: FieldPlace, open: ReadonlySet<AvscType>): Walk | undefined {
    const item = compile(type.itemsType, place, open)
    if (item === undefined) return undefined
    return tap => {
      for (;;) {
        const start = tap.pos
        let count = tap.readLong()
        if (count === 0) return
        if (count < 0) {
          count = -count
          tap.readLong()
          blocks.push({ start, end: tap.pos, bytes: encodeLong(count) })
        }
        while (count-- > 0) {
          item(tap)
          if (tap.pos > tap.buf.length) throw new Error('the data ends within an array')
        }
      }
    }
  }

  /** The walk through a type; undefined where nothing in it is wanted. Recursive types are not followed into themselves. */
  function compile (type: AvscType, place: FieldPlace, open: ReadonlySet<AvscType>): Walk | undefined {
    const { typeName } = type
    const kind = numbers[typeName]
    if (kind !== undefined) return number(place, kind)
    if (typeName === 'record' || typeName === 'error') return open.has(type) ? undefined : record(type as Shape, place.root, open)
    if (typeName === 'array') return array(type as Shape, place, open)
    if (!typeName.startsWith('union:')) return undefined
    const { types } = type as Shape
    const walks = types.map(branch => compile(branch, place, open))
    if (walks.every(walk => walk === undefined)) return undefined
    const skips = types.map(tapType)
    return tap => {
      const branch = tap.readLong()
      const walk = walks[branch]
      if (walk !== undefined) walk(tap)
      else if (branch < 0 || branch >= skips.length) throw new Error(`a union has no branch ${branch}`)
      else skip(skips[branch]!, tap)
    }
  }

  const { type } = schema
  const walk = record(type as Shape, undefined, new Set()) ?? (tap => { tapType(type)._skip(tap) })
  // decode() of a type whose read is the walk: the one way to a tap through avsc's public methods.
  const walker = Object.create(type, { _read: { value: walk } }) as AvscType
  return (bytes, offset) => {
    found = []
    blocks = []
    let end: number
    try {
      end = walker.decode(bytes, offset).offset
    } catch (error) {
      throw invalid(schema, messageOf(error), error)
    }
    if (end < 0) throw invalid(schema, 'it ends before its last field')
    if (end !== bytes.length) throw invalid(schema, `${bytes.length - end} of its ${bytes.length - offset} bytes are left over`)
    return { found, blocks }
  }
}

/** The bytes with the edits made, in one new buffer; edits must not overlap. */
export function patch (bytes: Buffer, edits: readonly Edit[]): Buffer {
  const sorted = edits.toSorted((a, b) => a.start - b.start)
  const size = sorted.reduce((sum, { start, end, bytes: { length } }) => sum + length - (end - start), bytes.length)
  const result = Buffer.allocUnsafe(size)
  let from = 0
  let to = 0
  for (const { start, end, bytes: fresh } of sorted) {
    to += bytes.copy(result, to, from, start)
    to += fresh.copy(result, to)
    from = end
  }
  bytes.copy(result, to, from)
  return result
}

/** Skips a value; a length below zero must not lead back to what was read already. */
function skip (type: TapType, tap: Tap): void {
  const before = tap.pos
  type._skip(tap)
  if (tap.pos < before) throw new Error('a length is negative')
}

function unqualified (name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

function invalid (schema: AlertSchema, what: string, cause?: unknown): Error {
  return schemaErrors.DATUM_INVALID(`the datum cannot be read as ${schema.name}: ${what}`, { cause })
}
