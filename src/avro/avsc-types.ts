// Builds avsc types that decode longs as exact 64-bit bigints, unions as plain values (wrapped only if ambiguous) and logical types as
// their base type. A damaged item count of an array or map can neither hang the reader nor exhaust memory. Strings that are not valid UTF-8
// are rejected, because a JavaScript string cannot hold them and they would be written with other bytes.
import { isUtf8 } from 'node:buffer'
import avro from 'avsc'
import { readLong, skipLong, writeLong, type Cursor } from './varint.ts'

export type AvscType = avro.Type

/** Methods with which an avsc type reads and writes a tap. avsc documents them for custom types, but its typings do not declare them. */
export interface TapType {
  _read (tap: Cursor): unknown
  _skip (tap: Cursor): void
  _write (tap: Cursor, value: unknown): void
}

/** The members of an avsc type that a derived type can replace. */
interface Replaceable extends TapType {
  /** Whether the value is valid. Calls `invalid` for a value that is not. */
  _check (value: unknown, flags: unknown, invalid?: (value: unknown, type: AvscType) => void): boolean
  /** Of an enum. */
  readonly symbols: readonly string[]
  readonly default: string | undefined
}

/** The part of avsc's tap that this library uses. */
export interface Tap extends Cursor {
  readLong (): number
  readDouble (): number
  readString (): string | undefined
  skipString (): void
}

export function tapType (type: AvscType): TapType {
  return type as unknown as TapType
}

const MIN_LONG = -(2n ** 63n)
const MAX_LONG = 2n ** 63n - 1n

function isLong (value: unknown): value is bigint {
  return typeof value === 'bigint' && value >= MIN_LONG && value <= MAX_LONG
}

/** A type that behaves like `base` except for the replaced members. avsc freezes its types, so the new type inherits from `base`. */
export function deriveType (base: AvscType, replaced: Partial<Replaceable>): AvscType {
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
    if (!isLong(value)) throw new Error(`a long must be a 64-bit bigint, not ${typeof value} ${String(value)}`)
    writeLong(tap, value)
  }
})

/** Reads a string. Throws Error if its bytes are not valid UTF-8. Returns undefined if the data end inside the string, as avsc does. */
function readText (tap: Tap): string | undefined {
  const start = tap.pos
  const text = tap.readString()
  // Invalid bytes are decoded to U+FFFD. Only a string with this character, which is valid but rare, needs the check of its bytes.
  if (text?.includes('\ufffd') === true) {
    const end = tap.pos
    tap.pos = start
    const length = tap.readLong()
    tap.pos = end
    if (!isUtf8(tap.buf.subarray(end - length, end))) throw new Error('a string is not valid UTF-8')
  }
  return text
}

/** Throws Error if the string has no UTF-8 form, because it contains half of a surrogate pair. */
function assertWellFormed (text: unknown): void {
  if (typeof text === 'string' && !text.isWellFormed()) throw new Error(`the string ${JSON.stringify(text)} has no UTF-8 form`)
}

const plainString = new avro.types.StringType()
const stringType = deriveType(plainString, {
  _read: cursor => readText(cursor as Tap),
  _write (tap, value) {
    assertWellFormed(value)
    tapType(plainString)._write(tap, value)
  }
})

/** Nulls take no bytes, so an array may have more items than bytes left. In that case, a larger item count is rejected as corrupt. */
const MAX_EMPTY_ITEMS = 1_000_000

/** Calls `visit` for each item of an array or map. Throws Error if the item count is too high for the number of bytes left. */
function eachItem (cursor: Cursor, visit: (tap: Tap) => void): void {
  const tap = cursor as Tap
  for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
    if (count < 0) {
      count = -count
      tap.readLong()
    }
    const left = tap.buf.length - tap.pos
    if (count > left && count > MAX_EMPTY_ITEMS) throw new Error(`an array or map claims ${count} items, but only ${left} bytes are left`)
    while (count-- > 0) {
      visit(tap)
      if (tap.pos > tap.buf.length) throw new Error('the data ends inside an array or map')
    }
  }
}

function readArray (cursor: Cursor, read: (tap: Tap) => unknown): unknown[] {
  const values: unknown[] = []
  eachItem(cursor, tap => values.push(read(tap)))
  return values
}

/** Reads a map into an object without a prototype, so any key is safe. */
function readMap (cursor: Cursor, read: (tap: Tap) => unknown): Record<string, unknown> {
  const entries = Object.create(null) as Record<string, unknown>
  eachItem(cursor, tap => {
    const key = readText(tap) ?? ''
    entries[key] = read(tap)
  })
  return entries
}

function arrayType (schema: avro.Schema, options: object): AvscType {
  const base = new avro.types.ArrayType(schema as never, options)
  const items = tapType(base.itemsType)
  return deriveType(base, {
    _read: cursor => readArray(cursor, tap => items._read(tap)),
    _skip: cursor => eachItem(cursor, tap => items._skip(tap))
  })
}

function mapType (schema: avro.Schema, options: object): AvscType {
  const base = new avro.types.MapType(schema as never, options)
  const values = tapType(base.valuesType)
  return deriveType(base, {
    _read: cursor => readMap(cursor, tap => values._read(tap)),
    _skip: cursor => eachItem(cursor, tap => {
      tap.skipString()
      values._skip(tap)
    }),
    _write (tap, value) {
      for (const key of Object.keys(Object(value) as object)) assertWellFormed(key)
      tapType(base)._write(tap, value)
    }
  })
}

// avsc looks symbols up in a plain object, which has inherited properties such as `constructor`, and accepts only ASCII symbols. Therefore
// the base type has numbered symbols, and the derived type has the symbols of the schema.
function enumType (schema: avro.Schema, options: object): AvscType {
  const { symbols, default: fallback } = schema as unknown as { readonly symbols: readonly string[], readonly default?: string }
  const indices = new Map(symbols.map((symbol, index) => [symbol, index]))
  const numbered = { ...schema as object, symbols: symbols.map((_, index) => `S${index}`), default: undefined }
  const base = new avro.types.EnumType(numbered as never, options)
  const type = deriveType(base, {
    symbols,
    default: fallback,
    _read (tap) {
      const index = (tap as Tap).readLong()
      const symbol = symbols[index]
      if (symbol === undefined) throw new Error(`the enum ${base.name} has no symbol with index ${index}`)
      return symbol
    },
    _write (tap, value) {
      const index = indices.get(value as string)
      if (index === undefined) throw new Error(`the enum ${base.name} has no symbol ${JSON.stringify(value)}`)
      writeLong(tap, BigInt(index))
    },
    _check (value, _flags, invalid) {
      const valid = indices.has(value as string)
      if (!valid) invalid?.(value, type)
      return valid
    }
  })
  // References to the enum by name must find the derived type.
  if (base.name !== undefined) (options as { readonly registry: Record<string, AvscType> }).registry[base.name] = type
  return type
}

/** Builds the avsc type of a schema (parsed JSON). Throws avsc's errors if the schema is invalid. */
export function buildType (schema: unknown): AvscType {
  return avro.Type.forSchema(schema as avro.Schema, {
    wrapUnions: 'auto',
    omitRecordMethods: true,
    typeHook: (node, options) => {
      const name = typeof node === 'string' ? node : Array.isArray(node) ? undefined : (node as { type?: unknown }).type
      if (name === 'long') return longType
      if (name === 'string') return stringType
      if (typeof node === 'string') return undefined
      if (name === 'array') return arrayType(node, options)
      if (name === 'map') return mapType(node, options)
      if (name === 'enum') return enumType(node, options)
      return undefined
    }
  })
}
