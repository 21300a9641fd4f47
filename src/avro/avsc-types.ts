// avsc types as this program needs them: longs are bigint and exact over all 64 bits, unions are plain values (wrapped only where the
// bare value could not tell its branch), logical types are their base type, and a damaged count can neither hang nor fill the memory.
import avro from 'avsc'
import { readLong, skipLong, writeLong, type Cursor } from './varint.ts'

export type AvscType = avro.Type

/** avsc's own methods by which types read from and write to a tap: not in its typings, but what its docs call for custom types. */
export interface TapType {
  _read (tap: Cursor): unknown
  _skip (tap: Cursor): void
  _write (tap: Cursor, value: unknown): void
}

/** A cursor that only needs what our readers use of avsc's tap. */
export function tapType (type: AvscType): TapType {
  return type as unknown as TapType
}

const lowest = -(2n ** 63n)
const highest = 2n ** 63n - 1n

function isLong (value: unknown): value is bigint {
  return typeof value === 'bigint' && value >= lowest && value <= highest
}

/** A type that behaves as `base` except for what is replaced; avsc freezes its types, so the change lives in an heir. */
export function deriveType (base: AvscType, replaced: Partial<TapType>): AvscType {
  return Object.create(base, Object.getOwnPropertyDescriptors(replaced)) as AvscType
}

const longType = deriveType(avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.allocUnsafe(8)
    buffer.writeBigInt64LE(value)
    return buffer
  },
  fromJSON: (value: number | string | bigint) => {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Error(`${value} is not an exact long`)
    return BigInt(value)
  },
  toJSON: (value: bigint) => Number.isSafeInteger(Number(value)) ? Number(value) : value.toString(),
  isValid: isLong,
  compare: (a: bigint, b: bigint) => a === b ? 0 : a < b ? -1 : 1
}), {
  _read: readLong,
  _skip: skipLong,
  _write (tap, value) {
    if (!isLong(value)) throw new Error(`a long must be a bigint of 64 bits, not ${typeof value} ${String(value)}`)
    writeLong(tap, value)
  }
})

interface RawTap extends Cursor {
  readLong (): number
  readString (): string
}

/** Reads the item count of the next block of an array or map; 0 ends it. */
function blockCount (tap: RawTap): number {
  let count = tap.readLong()
  if (count < 0) {
    count = -count
    tap.readLong()
  }
  return count
}

/** Items of no bytes (null, empty records) are legal but unbounded by the data: cap them far above any alert. */
const mostEmptyItems = 1_000_000

function guard (tap: RawTap, count: number, what: string): void {
  if (count > tap.buf.length - tap.pos && count > mostEmptyItems) throw new Error(`${what} claims ${count} items, ${tap.buf.length - tap.pos} bytes are left`)
}

function overrun (tap: RawTap): void {
  if (tap.pos > tap.buf.length) throw new Error('the data ends within an array or map')
}

function arrayType (schema: avro.Schema, options: object): AvscType {
  const base = new avro.types.ArrayType(schema as never, options)
  const items = tapType(base.itemsType)
  return deriveType(base, {
    _read (cursor) {
      const tap = cursor as RawTap
      const values: unknown[] = []
      for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
        guard(tap, count, 'an array')
        while (count-- > 0) {
          values.push(items._read(tap))
          overrun(tap)
        }
      }
      return values
    },
    _skip (cursor) {
      const tap = cursor as RawTap
      for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
        guard(tap, count, 'an array')
        while (count-- > 0) {
          items._skip(tap)
          overrun(tap)
        }
      }
    }
  })
}

function mapType (schema: avro.Schema, options: object): AvscType {
  const base = new avro.types.MapType(schema as never, options)
  const values = tapType(base.valuesType)
  const each = (cursor: Cursor, visit: (tap: RawTap, key: string) => void): void => {
    const tap = cursor as RawTap
    for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
      guard(tap, count, 'a map')
      while (count-- > 0) {
        visit(tap, tap.readString())
        overrun(tap)
      }
    }
  }
  return deriveType(base, {
    _read (cursor) {
      const entries: Record<string, unknown> = Object.create(null) as Record<string, unknown>
      each(cursor, (tap, key) => { entries[key] = values._read(tap) })
      return entries
    },
    _skip (cursor) { each(cursor, tap => values._skip(tap)) }
  })
}

/** Builds the avsc type of a parsed schema. Throws avsc's own errors. */
export function buildType (schema: unknown): AvscType {
  return avro.Type.forSchema(schema as avro.Schema, {
    wrapUnions: 'auto',
    omitRecordMethods: true,
    typeHook: (node, options) => {
      const name = typeof node === 'string' ? node : Array.isArray(node) ? undefined : (node as { type?: unknown }).type
      if (name === 'long') return longType
      if (typeof node === 'string') return undefined
      if (name === 'array') return arrayType(node, options)
      if (name === 'map') return mapType(node, options)
      return undefined
    }
  })
}
