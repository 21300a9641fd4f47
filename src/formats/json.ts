// An alert as JSON, made directly from its bytes. `plain`: fields by name, unions as their values, longs as decimal strings, bytes in
// base64; NaN and infinite numbers, for which JSON has no notation, are null. `lossless`: the JSON encoding of Avro (specification, "JSON
// Encoding"), with "NaN", "Infinity" and "-Infinity" as Java writes them.
import type { AlertSchema } from '../avro/schema.ts'
import type { RecordNode, SchemaNode } from '../avro/schema-tree.ts'
import { readLong } from '../avro/varint.ts'
import { formatErrors } from './errors.ts'

/** `scalars`: like `plain`, without the fields whose values are bytes. `numbers`: like `plain`, with longs as numbers (Herald's JSON). */
export type JsonStyle = 'plain' | 'scalars' | 'numbers' | 'lossless'
type JsonAlert = { readonly schema: AlertSchema, readonly datum: Buffer }

/** Appends the value at `cursor` to the text and moves the cursor to its end. */
type Write = () => void

/** The bits of NaN that Java, Python and JavaScript write. */
const usualFloatNaN = 0x7fc00000
const usualDoubleNaN = 0x7ff8000000000000n

const compiled = new WeakMap<AlertSchema, Map<JsonStyle, Write>>()

// The state of the alert that is being written. Nothing here is asynchronous, so one alert at a time is written.
const nothing = Buffer.alloc(0)
const cursor: { buf: Buffer, pos: number } = { buf: nothing, pos: 0 }
let text = ''
/** Whether the last value was left out. */
let leftOut = false
const path: string[] = []

/**
 * The alert as one line of JSON. Throws DATUM_INVALID; with `lossless` also ALERT_NOT_CANONICAL, if the datum is not encoded as every Avro
 * encoder writes its values, so that they would not be encoded to the same bytes again. The message names the first such field.
 */
export function alertJson ({ schema, datum }: JsonAlert, style: JsonStyle): string {
  schema.checkDatum(datum)
  const write = writerOf(schema, style)
  cursor.buf = datum
  cursor.pos = 0
  text = ''
  path.length = 0
  try {
    write()
    return `${text}\n`
  } finally {
    cursor.buf = nothing
    text = ''
  }
}

function writerOf (schema: AlertSchema, style: JsonStyle): Write {
  let styles = compiled.get(schema)
  if (styles === undefined) compiled.set(schema, styles = new Map())
  let write = styles.get(style)
  if (write === undefined) styles.set(style, write = compile(schema.root, style))
  return write
}

function compile (root: RecordNode, style: JsonStyle): Write {
  const lossless = style === 'lossless'
  const records = new Map<RecordNode, Write>()

  function long (): bigint {
    const start = cursor.pos
    const value = readLong(cursor)
    if (lossless && cursor.pos - start > 1 && cursor.buf[cursor.pos - 1] === 0) notCanonical('a number has more bytes than it needs')
    return value
  }

  /** An int, a length, or the index of a branch. Most of them take one byte. */
  function small (): number {
    const byte = cursor.buf[cursor.pos]!
    if (byte >= 0x80) return Number(long())
    cursor.pos++
    return (byte >>> 1) ^ -(byte & 1)
  }

  function take (length: number): number {
    const start = cursor.pos
    cursor.pos += length
    return start
  }

  function real (value: number, isUsualNaN: () => boolean): string {
    if (Number.isFinite(value)) return Object.is(value, -0) ? '-0.0' : String(value)
    if (!lossless) return 'null'
    if (Number.isNaN(value) && !isUsualNaN()) notCanonical('its NaN has other bits than those that encoders write')
    return `"${value}"`
  }

  function bytesOf (length: number): void {
    const start = take(length)
    if (style === 'scalars') leftOut = true
    else if (lossless) text += JSON.stringify(cursor.buf.toString('latin1', start, cursor.pos))
    else text += `"${cursor.buf.toString('base64', start, cursor.pos)}"`
  }

  function string (): string {
    const start = take(small())
    return JSON.stringify(cursor.buf.toString('utf8', start, cursor.pos))
  }

  function item (write: Write): void {
    write()
    if (leftOut) text += 'null'
    leftOut = false
  }

  /** Writes the items of all blocks of an array or map. */
  function blocks (open: string, close: string, write: Write): Write {
    return () => {
      text += open
      let items = 0
      for (let first = true; ; first = false) {
        let left = small()
        if (left === 0) break
        if (lossless && (left < 0 || !first)) notCanonical('its items are in several blocks, or in one with a length')
        if (left < 0) {
          left = -left
          long()
        }
        for (; left > 0; left--) {
          if (items++ > 0) text += ','
          item(write)
        }
      }
      text += close
    }
  }

  function map (value: Write): Write {
    let keys = new Set<string>()
    const write = blocks('{', '}', () => {
      const key = string()
      if (lossless && keys.has(key)) notCanonical(`the key ${key} occurs twice`)
      keys.add(key)
      text += `${key}:`
      value()
    })
    return () => {
      // A map may contain maps of the same type.
      const outer = keys
      keys = new Set()
      write()
      keys = outer
    }
  }

  function union (branches: readonly SchemaNode[]): Write {
    const writes = branches.map(branch => {
      const write = node(branch)
      if (!lossless || branch.kind === 'null') return write
      const open = `{${JSON.stringify('name' in branch ? branch.name : branch.kind)}:`
      return () => {
        text += open
        write()
        text += '}'
      }
    })
    return () => { writes[small()]!() }
  }

  function record (type: RecordNode): Write {
    const known = records.get(type)
    if (known !== undefined) return known
    const fields: Array<{ readonly name: string, readonly open: string, readonly write: Write }> = []
    const write = (): void => {
      text += '{'
      let separator = ''
      for (const field of fields) {
        const before = text
        text += separator + field.open
        path.push(field.name)
        field.write()
        path.pop()
        if (leftOut) text = before
        else separator = ','
        leftOut = false
      }
      text += '}'
    }
    records.set(type, write)
    for (const { name, type: fieldType } of type.fields) fields.push({ name, open: `${JSON.stringify(name)}:`, write: node(fieldType) })
    return write
  }

  function node (type: SchemaNode): Write {
    switch (type.kind) {
      case 'null': return () => { text += 'null' }
      case 'boolean': return () => { text += cursor.buf[cursor.pos++] === 0 ? 'false' : 'true' }
      case 'int': return () => { text += small() }
      case 'long': return lossless || style === 'numbers' ? () => { text += long() } : () => { text += `"${long()}"` }
      case 'float': return () => {
        const at = take(4)
        text += real(cursor.buf.readFloatLE(at), () => cursor.buf.readUInt32LE(at) === usualFloatNaN)
      }
      case 'double': return () => {
        const at = take(8)
        text += real(cursor.buf.readDoubleLE(at), () => cursor.buf.readBigUInt64LE(at) === usualDoubleNaN)
      }
      case 'string': return () => { text += string() }
      case 'bytes': return () => { bytesOf(small()) }
      case 'fixed': return () => { bytesOf(type.size) }
      case 'enum': return () => { text += JSON.stringify(type.symbols[small()]) }
      case 'array': return blocks('[', ']', node(type.items))
      case 'map': return map(node(type.values))
      case 'union': return union(type.branches)
      case 'record': return record(type)
    }
  }

  return record(root)
}

function notCanonical (what: string): never {
  throw formatErrors.ALERT_NOT_CANONICAL(`JSON cannot represent how this alert is encoded: ${path.join('.')}: ${what}`)
}
