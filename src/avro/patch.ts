// Finds and replaces individual number fields of a datum without decoding the rest, so all other bytes stay as the producer wrote
// them. A schema is compiled once into a walk that reads the tagged fields (int, long or double, at any depth) and skips all other fields.
// An Avro array block may state its size in bytes. An edit can change the size, so edited data have blocks without a size.
import { deriveType, tapType, type AvscType, type Tap, type TapType } from './avsc-types.ts'
import { assertNothingFollows, decodeDatum } from './datum.ts'
import type { AlertSchema } from './schema.ts'
import { unqualified } from './schema-tree.ts'
import { kindOf, shapeOf } from './type-shape.ts'
import { encodeLong, readLong } from './varint.ts'

export interface FieldPath {
  /** Name of the record that has the field, without namespace. */
  readonly record: string
  readonly field: string
  /** Name of a field of the root record: this field, or the field that contains it. */
  readonly root: string
  /** Whether the field is the first field of the root record, which is the alert id. */
  readonly first: boolean
}

export type NumberKind = 'int' | 'long' | 'double'

/** A tagged field, found in a datum. */
export interface FoundField<T> {
  readonly tag: T
  readonly kind: NumberKind
  /** Offset of the field's first byte. `end` is the offset after the last byte. */
  readonly start: number
  readonly end: number
  /** A bigint for a long field, otherwise a number. */
  readonly value: bigint | number
}

/** The replacement of a byte range. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly bytes: Buffer
}

interface Scan<T> {
  /** The tagged fields, in the order in which they occur in the datum. */
  readonly found: readonly FoundField<T>[]
  /** Edits that remove the size from array blocks. Apply them whenever other edits are applied. */
  readonly blocks: readonly Edit[]
}

/** Finds the tagged fields of the datum that extends from `offset` to the end of `bytes`. Error: DATUM_INVALID. */
export type Scanner<T> = (bytes: Buffer, offset: number) => Scan<T>

type Walk = (tap: Tap) => void

const numbers: Readonly<Record<string, NumberKind>> = { int: 'int', long: 'long', double: 'double' }

/**
 * Compiles a scanner.
 * @param tagOf called once for each number field of the schema; returns a tag if the scan must find the field, or undefined to skip it
 */
export function scanner<T> (schema: AlertSchema, tagOf: (path: FieldPath, kind: NumberKind) => T | undefined): Scanner<T> {
  let found: FoundField<T>[] = []
  let blocks: Edit[] = []

  function number (path: FieldPath, kind: NumberKind): Walk | undefined {
    const tag = tagOf(path, kind)
    if (tag === undefined) return undefined
    return tap => {
      const start = tap.pos
      const value = kind === 'double' ? tap.readDouble() : kind === 'int' ? tap.readLong() : readLong(tap)
      found.push({ tag, kind, start, end: tap.pos, value })
    }
  }

  function record (type: AvscType, root: string | undefined, open: ReadonlySet<AvscType>): Walk | undefined {
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
    for (const [index, { name: field, type: fieldType }] of shapeOf(type).fields.entries()) {
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

  function array (type: AvscType, path: FieldPath, open: ReadonlySet<AvscType>): Walk | undefined {
    const item = compile(shapeOf(type).itemsType, path, open)
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
          if (tap.pos > tap.buf.length) throw new Error('the data ends inside an array')
        }
      }
    }
  }

  /** Returns the walk through a type, or undefined if it contains no tagged field. A recursive type is not entered again inside itself. */
  function compile (type: AvscType, path: FieldPath, open: ReadonlySet<AvscType>): Walk | undefined {
    const kind = kindOf(type)
    if (numbers[kind] !== undefined) return number(path, numbers[kind])
    if (kind === 'record') return open.has(type) ? undefined : record(type, path.root, open)
    if (kind === 'array') return array(type, path, open)
    if (kind !== 'union') return undefined
    const { types } = shapeOf(type)
    const walks = types.map(branch => compile(branch, path, open))
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
  const walk = record(type, undefined, new Set()) ?? (tap => { tapType(type)._skip(tap) })
  // Decoding with this type runs the walk. avsc's public methods give access to a tap only through decode().
  const walker = deriveType(type, { _read: cursor => walk(cursor as Tap) })
  return (bytes, offset) => {
    found = []
    blocks = []
    const { end } = decodeDatum(walker, schema.name, bytes, offset)
    assertNothingFollows(schema.name, bytes, offset, end)
    return { found, blocks }
  }
}

/** Applies edits, which must not overlap, and returns a new buffer. */
export function patch (bytes: Buffer, edits: readonly Edit[]): Buffer {
  const sorted = edits.toSorted((a, b) => a.start - b.start)
  const size = sorted.reduce((sum, { start, end, bytes: { length } }) => sum + length - (end - start), bytes.length)
  const result = Buffer.allocUnsafe(size)
  let from = 0
  let to = 0
  for (const { start, end, bytes: replacement } of sorted) {
    to += bytes.copy(result, to, from, start)
    to += replacement.copy(result, to)
    from = end
  }
  bytes.copy(result, to, from)
  return result
}

/** Skips a value. Throws Error if a negative length moves the tap backwards. */
function skip (type: TapType, tap: Tap): void {
  const before = tap.pos
  type._skip(tap)
  if (tap.pos < before) throw new Error('a length is negative')
}
