// Compiles a pair of schemas into a tree of steps. Each step reads one value of the writer's type and writes its encoding in the reader's
// type. Values whose encoding is the same are copied without decoding them. If a value does not resolve, its step records the path of the
// field and skips the writer's bytes. Therefore one error names every failing field.
import { isUtf8 } from 'node:buffer'
import { defaultOf, encodedValue } from './avsc-schema.ts'
import type { DatumOutput } from './datum-output.ts'
import { copyWrite, recordWrite, type FieldPlan, type Write } from './record-plan.ts'
import {
  describeType, sameName, unqualified, type EnumNode, type NamedNode, type RecordNode, type SchemaNode, type UnionNode
} from './schema-tree.ts'
import { skipper } from './skipper.ts'
import type { FieldAliases, FieldFillIns } from './survey-aliases.ts'
import { encodeLong, readLong } from './varint.ts'

/** The fields of the current record that did not resolve, each with the reason. */
export type Failures = Set<string>

interface Step {
  readonly write: Write
  /** Failures that occur for every datum, each with its field path. Empty if at least some data resolve. */
  readonly impossible: readonly string[]
  /** True if the encoding is the same in both types, so that `write` only copies the value. */
  readonly plain: boolean
  /** The branch of the reader's union to which `write` writes, and the step of the value in it. */
  readonly branch?: { readonly index: number, readonly value: Step }
}

export interface Compiled extends Step {
  /** Failures that depend on the datum: on a branch of a union or on the items of an array. */
  readonly conditional: readonly string[]
}

// Avro spec, "Schema Resolution". Some of the conversions leave the encoding as it is.
const sameEncoding = new Set(['int>long', 'string>bytes'])
const floating = new Set(['int>float', 'int>double', 'long>float', 'long>double', 'float>double'])

/** The entry of a table under a name of a schema, which may also be the name of an inherited property, such as `constructor`. */
function own<V> (table: Readonly<Record<string, V>>, name: string): V | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** The offset of the end of the number that `readNumber` has read. */
let numberEnd = 0

/** Reads an int or a long that is a count, a size or an index. */
function readNumber (datum: Buffer, pos: number): number {
  const byte = datum[pos]!
  if (byte < 0x80) {
    numberEnd = pos + 1
    return (byte >>> 1) ^ -(byte & 1)
  }
  const cursor = { buf: datum, pos }
  const value = Number(readLong(cursor))
  numberEnd = cursor.pos
  return value
}

/**
 * Compiles a pair of schemas. The steps add to `failures` while they read a valid datum of the writer schema. The caller clears `failures`
 * before each datum.
 */
export function compileResolution (
  writer: RecordNode, reader: RecordNode, aliases: FieldAliases, fillIns: FieldFillIns, failures: Failures, output: DatumOutput
): Compiled {
  // Steps of the record pairs that are being compiled, by writer and reader type. Recursive references use these steps.
  const open = new Map<SchemaNode, Map<SchemaNode, Step>>()
  // All possible failures of a datum, in the order of the schema's fields.
  let possible: string[] = []

  const converted = (write: Write): Step => ({ write, impossible: [], plain: false })
  const unchanged = (source: SchemaNode): Step => ({ write: copyWrite(source, output), impossible: [], plain: true })

  function fail (source: SchemaNode, reasons: readonly string[]): Step {
    possible.push(...reasons)
    const skip = skipper(source)
    return {
      impossible: reasons,
      plain: false,
      write (datum, pos) {
        for (const reason of reasons) failures.add(reason)
        return skip(datum, pos)
      }
    }
  }

  function mismatch (source: SchemaNode, target: SchemaNode, path: string): Step {
    return fail(source, [`${path === '' ? '(root)' : path}: ${describeType(source)} cannot be read as ${describeType(target)}`])
  }

  function compile (source: SchemaNode, target: SchemaNode, path: string): Step {
    if (source.kind === 'union') return fromUnion(source, target, path)
    if (target.kind === 'union') return toUnion(source, target, path)
    if (source.kind === 'array' && target.kind === 'array') {
      const item = compile(source.items, target.items, `${path}[]`)
      return item.plain ? unchanged(source) : converted(blocks(item.write))
    }
    if (source.kind === 'map' && target.kind === 'map') {
      const value = compile(source.values, target.values, `${path}{}`)
      const writeKey = copyWrite({ kind: 'string' }, output)
      return value.plain ? unchanged(source) : converted(blocks((datum, pos) => value.write(datum, writeKey(datum, pos))))
    }
    if (isNamed(source) && isNamed(target) && !sameName(source, target)) return mismatch(source, target, path)
    if (source.kind === 'record' && target.kind === 'record') return record(source, target, path)
    if (source.kind === 'enum' && target.kind === 'enum') return symbol(source, target, path)
    if (source.kind === 'fixed' && target.kind === 'fixed') {
      return source.size === target.size ? unchanged(source) : mismatch(source, target, path)
    }
    return primitive(source, target, path)
  }

  function primitive (source: SchemaNode, target: SchemaNode, path: string): Step {
    const pair = `${source.kind}>${target.kind}`
    if (source.kind === target.kind || sameEncoding.has(pair)) return unchanged(source)
    if (floating.has(pair)) return converted(numberWrite(source, target))
    if (pair !== 'bytes>string') return mismatch(source, target, path)
    const copy = copyWrite(source, output)
    return converted((datum, pos) => {
      const length = readNumber(datum, pos)
      if (!isUtf8(datum.subarray(numberEnd, numberEnd + length))) {
        failures.add(`${path}: these bytes are not valid UTF-8, so they cannot be read as string`)
      }
      return copy(datum, pos)
    })
  }

  function numberWrite (source: SchemaNode, target: SchemaNode): Write {
    const skip = skipper(source)
    const bytes = Buffer.alloc(target.kind === 'float' ? 4 : 8)
    return (datum, pos) => {
      const value = source.kind === 'float' ? datum.readFloatLE(pos) : Number(readLong({ buf: datum, pos }))
      if (target.kind === 'float') bytes.writeFloatLE(value)
      else bytes.writeDoubleLE(value)
      output.write(bytes)
      return skip(datum, pos)
    }
  }

  /** Writes the blocks of an array or a map. A block may state its size in bytes, which is left out, because the size may change. */
  function blocks (writeItem: Write): Write {
    return (datum, pos) => {
      for (;;) {
        let count = readNumber(datum, pos)
        const end = numberEnd
        if (count >= 0) {
          output.copy(pos, end)
          pos = end
        } else {
          count = -count
          readNumber(datum, end)
          pos = numberEnd
          output.write(encodeLong(count))
        }
        if (count === 0) return pos
        while (count-- > 0) pos = writeItem(datum, pos)
      }
    }
  }

  function record (source: RecordNode, target: RecordNode, path: string): Step {
    const known = open.get(source)?.get(target)
    if (known !== undefined) return known
    const forward: { step?: Step } = {}
    const pairs = open.get(source) ?? new Map<SchemaNode, Step>()
    open.set(source, pairs)
    pairs.set(target, converted((datum, pos) => forward.step!.write(datum, pos)))
    const step = forward.step = recordStep(source, target, path)
    // Only recursive references share this step. Every other use of the pair is compiled again, so that its failures name its own path.
    pairs.delete(target)
    return step
  }

  function recordStep (source: RecordNode, target: RecordNode, path: string): Step {
    const name = unqualified(target.name)
    const at = (field: string): string => path === '' ? field : `${path}.${field}`
    const renamed = own(aliases, name) ?? {}
    const filled = own(fillIns, name) ?? {}
    // Index and step of the matching reader field, by writer field name.
    const matches = new Map<string, { readonly slot: number, readonly step: Step }>()
    const constants = new Map<number, Buffer>()
    const impossible: string[] = []
    target.fields.forEach((field, slot) => {
      // An alias is ignored if the reader has a field with the same name as the alias.
      const older = [...field.aliases, ...own(renamed, field.name) ?? []].filter(name => !target.fields.some(other => other.name === name))
      const found = [field.name, ...older]
        .map(name => source.fields.find(other => other.name === name && !matches.has(name)))
        .find(other => other !== undefined)
      const fillIn = own(filled, field.name)
      if (found !== undefined) {
        const compiled = compile(found.type, field.type, at(field.name))
        const step = fillIn === undefined ? compiled : withFillIn(compiled, found.type, encodedValue(field.type, fillIn), at(field.name))
        matches.set(found.name, { slot, step })
        impossible.push(...step.impossible)
        return
      }
      const constant = defaultOf(field) ?? (fillIn === undefined ? undefined : encodedValue(field.type, fillIn))
      if (constant !== undefined) constants.set(slot, constant)
      else impossible.push(`${at(field.name)}: ${describeType(field.type)}, no default in the reader, no such field in the writer`)
    })
    if (impossible.length > 0) return fail(source, impossible)
    const plans = source.fields.map((field): FieldPlan => {
      const { slot, step } = matches.get(field.name) ?? {}
      return { field, slot, convert: step === undefined || step.plain ? undefined : step.write }
    })
    const same = plans.every(({ slot, convert }, index) => slot === index && convert === undefined)
    return same && plans.length === target.fields.length ? unchanged(source) : converted(recordWrite(plans, constants, output))
  }

  // Steps of unions whose null branch does not resolve.
  const nullFails = new Set<Step>()

  /** If the reader's field does not accept null, returns a step that replaces null by the fill-in value; otherwise returns `step`. */
  function withFillIn (step: Step, source: SchemaNode, value: Buffer, path: string): Step {
    if (source.kind !== 'union' || !nullFails.has(step)) return step
    possible = possible.filter(reason => !reason.startsWith(`${path}: null cannot`))
    const nullIndex = source.branches.findIndex(({ kind }) => kind === 'null')
    return converted((datum, pos) => {
      if (readNumber(datum, pos) !== nullIndex) return step.write(datum, pos)
      output.write(value)
      return numberEnd
    })
  }

  function fromUnion (source: UnionNode, target: SchemaNode, path: string): Step {
    const steps = source.branches.map(branch => compile(branch, target, path))
    // The values of branches that have the same index in the reader's union. They are copied with their index.
    const kept = steps.map(({ branch }, index) => branch?.index === index ? branch.value : undefined)
    if (kept.every(value => value?.plain === true)) return unchanged(source)
    const step: Step = {
      impossible: steps.every(({ impossible }) => impossible.length > 0) ? [...new Set(steps.flatMap(({ impossible }) => impossible))] : [],
      plain: false,
      write (datum, pos) {
        const index = readNumber(datum, pos)
        const start = numberEnd
        const value = kept[index]
        if (value === undefined) return steps[index]!.write(datum, start)
        output.copy(pos, start)
        return value.write(datum, start)
      }
    }
    if (steps.some(({ impossible }, index) => source.branches[index]!.kind === 'null' && impossible.length > 0)) nullFails.add(step)
    return step
  }

  function toUnion (source: SchemaNode, { branches }: UnionNode, path: string): Step {
    const exact = branches.findIndex(branch => branch.kind === source.kind && (!isNamed(source) || sameName(source, branch as NamedNode)))
    const before = possible.length
    const candidates = exact < 0 ? branches.map(branch => compile(source, branch, path)) : [compile(source, branches[exact]!, path)]
    const chosen = candidates.findIndex(step => step.impossible.length === 0)
    // Failures of branches that are not chosen do not count.
    if (exact < 0) possible.length = before
    if (chosen < 0) return exact < 0 ? mismatch(source, { kind: 'union', branches }, path) : candidates[0]!
    const value = candidates[chosen]!
    const index = exact < 0 ? chosen : exact
    const prefix = encodeLong(index)
    const step = converted((datum, pos) => {
      output.write(prefix)
      return value.write(datum, pos)
    })
    return { ...step, branch: { index, value } }
  }

  function symbol (source: EnumNode, target: EnumNode, path: string): Step {
    const indexOf = (symbol: unknown): number => target.symbols.findIndex(other => other === symbol)
    const fallback = indexOf(target.default)
    const indices = source.symbols.map(indexOf)
    if (indices.every((index, position) => index === position)) return unchanged(source)
    const encodings = indices.map(index => index >= 0 ? encodeLong(index) : fallback >= 0 ? encodeLong(fallback) : undefined)
    return converted((datum, pos) => {
      const index = readNumber(datum, pos)
      const encoding = encodings[index]
      if (encoding !== undefined) output.write(encoding)
      else failures.add(`${path}: the reader's enum has neither ${JSON.stringify(source.symbols[index])} nor a default`)
      return numberEnd
    })
  }

  const root = compile(writer, reader, '')
  return { ...root, conditional: [...new Set(possible)].filter(reason => !root.impossible.includes(reason)) }
}

function isNamed (node: SchemaNode): node is NamedNode {
  return node.kind === 'record' || node.kind === 'enum' || node.kind === 'fixed'
}
