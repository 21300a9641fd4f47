// Finds the end of a datum without decoding it. A schema is compiled once into functions that each skip one value. They reject every datum
// that is not encoded as the Avro specification says. The time is bounded by the length of the datum, whatever counts and sizes it claims.
import { isUtf8 } from 'node:buffer'
import type { RecordNode, SchemaNode, UnionNode } from './schema-tree.ts'

/**
 * Returns the offset of the end of the datum at `offset`. If it is beyond the buffer, the datum is cut. Throws Error if it is damaged.
 * @param tolerant if true, a value that is invalid but has a known end is skipped, such as an enum whose index does not exist
 */
export type Skipper = (bytes: Buffer, offset: number, tolerant?: boolean) => number

/** Skips the value at `pos` and returns its end, which may be beyond the buffer. */
type Skip = (bytes: Buffer, pos: number) => number

/** Records may be nested this deep. The limit keeps the functions of a recursive schema within the stack. */
const MAX_DEPTH = 1000
/** An array may have this many items that take no bytes. Their number is not bounded by the length of the datum. */
const MAX_EMPTY_ITEMS = 1_000_000
/** Strings up to this length are checked byte by byte, which is faster than a call to isUtf8. */
const SHORT_STRING = 48

const FIXED_SIZES: Readonly<Record<string, number>> = { null: 0, float: 4, double: 8 }

/** The number that readInt or readLong has read. A number beyond 2^53 is rounded. */
let value = 0
/** Number of records that contain the current value. */
let depth = 0
/** Whether invalid values with a known end are skipped. */
let tolerated = false

export function skipper (root: SchemaNode): Skipper {
  const skip = compiler()(root)
  return (bytes, offset, tolerant = false) => {
    depth = 0
    tolerated = tolerant
    return skip(bytes, offset)
  }
}

function invalidValue (what: string): void {
  if (!tolerated) throw new Error(what)
}

function compiler (): (node: SchemaNode) => Skip {
  const records = new Map<RecordNode, Skip>()
  const fixedSizes = new Map<RecordNode, number | undefined>()
  const minSizes = new Map<RecordNode, number>()

  /** The number of bytes of each value of the type; undefined if it varies or the bytes have to be checked. */
  function fixedSize (node: SchemaNode): number | undefined {
    if (node.kind === 'fixed') return node.size
    if (node.kind !== 'record') return FIXED_SIZES[node.kind]
    if (!fixedSizes.has(node)) {
      // A record that contains itself has no fixed size.
      fixedSizes.set(node, undefined)
      const sizes = node.fields.map(({ type }) => fixedSize(type))
      if (!sizes.includes(undefined)) fixedSizes.set(node, sizes.reduce<number>((sum, size) => sum + size!, 0))
    }
    return fixedSizes.get(node)
  }

  /** A lower bound of the number of bytes of a value. It is 0 only if every value takes no bytes. */
  function minSize (node: SchemaNode): number {
    if (node.kind !== 'record') return fixedSize(node) ?? 1
    if (!minSizes.has(node)) {
      // A record that contains itself does so by way of a union, an array or a map, each of which takes at least one byte.
      minSizes.set(node, 1)
      minSizes.set(node, node.fields.reduce((sum, { type }) => sum + minSize(type), 0))
    }
    return minSizes.get(node)!
  }

  function compile (node: SchemaNode): Skip {
    switch (node.kind) {
      case 'boolean': return skipBoolean
      case 'int': return skipInt
      case 'long': return skipLong
      case 'bytes': return skipBytes
      case 'string': return skipString
      case 'enum': return enumSkip(node.symbols.length)
      case 'array': return blocksSkip(compile(node.items), minSize(node.items))
      case 'map': {
        const skipValue = compile(node.values)
        return blocksSkip((bytes, pos) => skipValue(bytes, skipString(bytes, pos)), 1 + minSize(node.values))
      }
      case 'union': return unionSkip(node)
      case 'record': return record(node)
      default: return fixedSkip(fixedSize(node) ?? 0)
    }
  }

  function unionSkip ({ branches }: UnionNode): Skip {
    const skips = branches.map(compile)
    const nullable = branches.findIndex(({ kind }) => kind === 'null')
    if (branches.length === 2 && nullable >= 0) {
      const size = fixedSize(branches[1 - nullable]!)
      if (size !== undefined) return optionalFixedSkip(nullable, size)
    }
    const [first, second] = skips
    return (bytes, pos) => {
      const branch = bytes[pos]!
      if (branch === 0 && first !== undefined) return first(bytes, pos + 1)
      if (branch === 2 && second !== undefined) return second(bytes, pos + 1)
      const next = readInt(bytes, pos)
      const skip = skips[value]
      if (skip === undefined) throw new Error(`a union at byte ${pos} has branch ${value}, but the type has ${skips.length} branches`)
      return skip(bytes, next)
    }
  }

  function record (node: RecordNode): Skip {
    const known = records.get(node)
    if (known !== undefined) return known
    let steps: readonly Skip[] = []
    const skip: Skip = (bytes, pos) => {
      if (pos > bytes.length) throw new Error('it ends before its last field')
      if (++depth > MAX_DEPTH) throw new Error(`records are nested more than ${MAX_DEPTH} levels deep`)
      for (let index = 0; index < steps.length; index++) pos = steps[index]!(bytes, pos)
      depth--
      return pos
    }
    records.set(node, skip)
    steps = stepsOf(node)
    return skip
  }

  /** One function per field, except that consecutive fields of fixed size are skipped together. */
  function stepsOf ({ fields }: RecordNode): Skip[] {
    const steps: Skip[] = []
    let size = 0
    const flush = (): void => {
      if (size > 0) steps.push(fixedSkip(size))
      size = 0
    }
    for (const { type } of fields) {
      const fixed = fixedSize(type)
      if (fixed !== undefined) {
        size += fixed
        continue
      }
      flush()
      steps.push(compile(type))
    }
    flush()
    return steps
  }

  return compile
}

function fixedSkip (size: number): Skip {
  return (_bytes, pos) => pos + size
}

function optionalFixedSkip (nullBranch: number, size: number): Skip {
  const nullByte = 2 * nullBranch
  const valueByte = 2 - nullByte
  return (bytes, pos) => {
    const branch = bytes[pos]!
    if (branch === nullByte) return pos + 1
    if (branch === valueByte) return pos + 1 + size
    const next = readInt(bytes, pos)
    if (value === nullBranch) return next
    if (value === 1 - nullBranch) return next + size
    throw new Error(`a union at byte ${pos} has branch ${value}, but the type has 2 branches`)
  }
}

function enumSkip (symbols: number): Skip {
  return (bytes, pos) => {
    const next = readInt(bytes, pos)
    if (value < 0 || value >= symbols) invalidValue(`an enum at byte ${pos} has index ${value}, but the type has ${symbols} symbols`)
    return next
  }
}

/** Skips the blocks of an array or a map, whose items take at least `itemSize` bytes. */
function blocksSkip (skipItem: Skip, itemSize: number): Skip {
  return (bytes, pos) => {
    for (;;) {
      const start = pos
      pos = readLong(bytes, pos)
      let count = value
      if (count === 0) return pos
      let end = -1
      if (count < 0) {
        count = -count
        pos = readLength(bytes, pos)
        end = pos + value
      }
      if (itemSize === 0) {
        if (count > MAX_EMPTY_ITEMS) throw new Error(`an array at byte ${start} claims ${count} items that take no bytes`)
      } else {
        if (count > (bytes.length - pos) / itemSize) {
          throw new Error(`an array or map at byte ${start} claims ${count} items, but only ${bytes.length - pos} bytes are left`)
        }
        while (count-- > 0) pos = skipItem(bytes, pos)
      }
      if (end >= 0 && end !== pos) {
        throw new Error(`a block of an array or map at byte ${start} claims to end at byte ${end}, but it ends at byte ${pos}`)
      }
    }
  }
}

function skipBoolean (bytes: Buffer, pos: number): number {
  if (bytes[pos]! > 1) invalidValue(`a boolean at byte ${pos} is ${bytes[pos]}`)
  return pos + 1
}

function skipBytes (bytes: Buffer, pos: number): number {
  const start = readLength(bytes, pos)
  return start + value
}

function skipString (bytes: Buffer, pos: number): number {
  const start = readLength(bytes, pos)
  const end = start + value
  if (value <= SHORT_STRING) {
    let at = start
    while (at < end && bytes[at]! < 0x80) at++
    if (at === end) return end
  }
  if (!isUtf8(bytes.subarray(start, end))) invalidValue(`a string at byte ${pos} is not UTF-8`)
  return end
}

/** Reads the length of a value that follows into `value`, and returns the offset of the value. */
function readLength (bytes: Buffer, pos: number): number {
  const start = readLong(bytes, pos)
  if (value < 0) throw new Error(`a length at byte ${pos} is ${value}`)
  if (value > bytes.length - start) throw new Error(`a length at byte ${pos} is ${value}, but only ${bytes.length - start} bytes are left`)
  return start
}

function skipInt (bytes: Buffer, pos: number): number {
  for (let length = 1; length <= 4; length++) if (bytes[pos++]! < 0x80) return pos
  return lastByte(bytes, pos, 0x0f, 32)
}

function skipLong (bytes: Buffer, pos: number): number {
  for (let length = 1; length <= 9; length++) if (bytes[pos++]! < 0x80) return pos
  return lastByte(bytes, pos, 1, 64)
}

/** Checks the last byte of a varint of maximal length and returns the offset of its end. */
function lastByte (bytes: Buffer, pos: number, max: number, bits: number): number {
  if (bytes[pos]! > max) throw new Error(`a number that ends at byte ${pos} or later has more than ${bits} bits`)
  return pos + 1
}

/** Reads a 32-bit number into `value`, and returns its end. */
function readInt (bytes: Buffer, pos: number): number {
  const end = skipInt(bytes, pos)
  return decode(bytes, pos, end)
}

/** Reads a 64-bit number into `value`, and returns its end. */
function readLong (bytes: Buffer, pos: number): number {
  const byte = bytes[pos]!
  if (byte < 0x80) {
    value = (byte >>> 1) ^ -(byte & 1)
    return pos + 1
  }
  const end = skipLong(bytes, pos)
  return decode(bytes, pos, end)
}

function decode (bytes: Buffer, pos: number, end: number): number {
  let zigzag = 0
  for (let at = end; at > pos;) zigzag = zigzag * 0x80 + (bytes[--at]! & 0x7f)
  value = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
  return end
}
