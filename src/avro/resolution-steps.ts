// The compiler behind resolution.ts: a pair of avsc types becomes a tree of steps, each of which reads one value of the writer's type from the
// tap in the reader's shape. A step never stops at what does not resolve: it notes the field's path, skips the writer's bytes and goes on, so
// that one error can name every field and the record's end is still found.
import type { FieldAliases, FieldFillIns } from './survey-aliases.ts'
import { tapType, type AvscType, type TapType } from './avsc-types.ts'
import type { Cursor } from './varint.ts'

/** Filled while one record is read. */
export interface Failures {
  readonly fields: Set<string>
}

interface Step {
  read (tap: Cursor): unknown
  /** What fails for every datum, by path; empty where at least some data resolve. */
  readonly impossible: readonly string[]
  /** Whether the step is the writer's own read: same type, nothing to convert. */
  readonly plain?: boolean
}

export interface Compiled extends Step {
  /** What fails for some data: a branch of a union, the items of an array. */
  readonly conditional: readonly string[]
}

interface Tap extends Cursor {
  readLong (): number
  readString (): string
}

interface Field {
  readonly name: string
  readonly type: AvscType
  readonly aliases: readonly string[]
  defaultValue (): unknown
}

/** The parts of avsc's types that resolution looks at. */
interface Shape extends AvscType {
  readonly fields: readonly Field[]
  readonly recordConstructor: new (...values: unknown[]) => object
  readonly types: readonly AvscType[]
  readonly itemsType: AvscType
  readonly valuesType: AvscType
  readonly symbols: readonly string[]
  readonly default?: string
  readonly size: number
}

const shape = (type: AvscType): Shape => type as Shape
const unqualified = (name: string): string => name.slice(name.lastIndexOf('.') + 1)

function kind (type: AvscType): string {
  if (type.typeName === 'abstract:long') return 'long'
  if (type.typeName === 'error') return 'record'
  return type.typeName.startsWith('union:') ? 'union' : type.typeName
}

/** How a type is called in messages: `["null","int"]`, `record diaSource`. */
function title (type: AvscType): string {
  const name = kind(type)
  if (name === 'union') return `[${shape(type).types.map(title).join(', ')}]`
  return type.name === undefined ? name : `${name} ${unqualified(type.name)}`
}

const promotions: Record<string, (value: never) => unknown> = {
  'int>long': (value: number) => BigInt(value),
  'int>float': (value: number) => value,
  'int>double': (value: number) => value,
  'long>float': (value: bigint) => Number(value),
  'long>double': (value: bigint) => Number(value),
  'float>double': (value: number) => value,
  'string>bytes': (value: string) => Buffer.from(value),
  'bytes>string': (value: Buffer) => value.toString()
}

const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])

/** Compiles the pair; `failures` is what the steps write to while a record is read. */
export function compileResolution (
  writer: AvscType, reader: AvscType, aliases: FieldAliases, fillIns: FieldFillIns, failures: Failures
): Compiled {
  // Records that are being compiled or are compiled, by pair and path: recursive schemas refer back to them.
  const open = new Map<AvscType, Map<AvscType, Step>>()
  // Everything that some datum could run into, in the order of the schema.
  let noted: string[] = []

  function fail (source: AvscType, notes: readonly string[]): Step {
    noted.push(...notes)
    const skipped = tapType(source)
    return {
      impossible: notes,
      read (tap) {
        skipped._skip(tap)
        for (const note of notes) failures.fields.add(note)
        return undefined
      }
    }
  }

  function mismatch (source: AvscType, target: AvscType, path: string): Step {
    return fail(source, [`${path === '' ? '(root)' : path}: ${title(source)} cannot be read as ${title(target)}`])
  }

  function compile (source: AvscType, target: AvscType, path: string): Step {
    if (source === target) return own(source)
    const from = kind(source)
    const to = kind(target)
    if (from === 'union') return fromUnion(source, target, path)
    if (to === 'union') return toUnion(source, target, path)
    if (primitives.has(from)) {
      if (from === to) return own(source)
      const convert = promotions[`${from}>${to}`]
      if (convert === undefined) return mismatch(source, target, path)
      const original = tapType(source)
      return {
        impossible: [],
        read (tap) {
          const value = original._read(tap)
          // Past the end of the data avsc reads undefined; its validity check reports that afterwards.
          return value === undefined ? undefined : convert(value as never)
        }
      }
    }
    if (from !== to) return mismatch(source, target, path)
    switch (from) {
      case 'record': return sameName(source, target) ? record(source, target, path) : mismatch(source, target, path)
      case 'enum': return sameName(source, target) ? symbol(source, target, path) : mismatch(source, target, path)
      case 'fixed': return sameName(source, target) && shape(source).size === shape(target).size ? own(source) : mismatch(source, target, path)
      case 'array': return items(compile(shape(source).itemsType, shape(target).itemsType, `${path}[]`))
      case 'map': return entries(compile(shape(source).valuesType, shape(target).valuesType, `${path}{}`))
      default: return mismatch(source, target, path)
    }
  }

  function own (source: AvscType): Step {
    const original: TapType = tapType(source)
    return { impossible: [], plain: true, read: tap => original._read(tap) }
  }

  function record (source: AvscType, target: AvscType, path: string): Step {
    const key = shape(source)
    // One path is enough for a recursive type; elsewhere each place names its own fields.
    const known = open.get(key)?.get(target)
    if (known !== undefined) return { impossible: [], read: tap => known.read(tap) }
    const forward: { step?: Step } = {}
    const pairs = open.get(key) ?? new Map<AvscType, Step>()
    open.set(key, pairs)
    pairs.set(target, { impossible: [], read: tap => forward.step!.read(tap) })
    const step = forward.step = recordStep(key, shape(target), path)
    pairs.delete(target)
    return step
  }

  function recordStep (source: Shape, target: Shape, path: string): Step {
    const name = unqualified(target.name ?? '')
    const at = (field: string): string => path === '' ? field : `${path}.${field}`
    const renamed = aliases[name] ?? {}
    const filled = fillIns[name] ?? {}
    const position = new Map<string, number>()
    const impossible: string[] = []
    const steps = new Map<number, Step>()
    const defaults: Array<(() => unknown) | undefined> = []
    target.fields.forEach((field, index) => {
      // An alias never takes what the reader asks for by that very name elsewhere.
      const older = [...field.aliases, ...renamed[field.name] ?? []].filter(name => !target.fields.some(one => one.name === name))
      const found = [field.name, ...older].map(name => source.fields.find(one => one.name === name && !position.has(name))).find(one => one !== undefined)
      if (found !== undefined) {
        position.set(found.name, index)
        const fallback = filled[field.name]
        const step = compile(found.type, field.type, at(field.name))
        steps.set(index, fallback === undefined ? step : filling(found.type, step, fallback, at(field.name)))
        impossible.push(...steps.get(index)!.impossible)
      } else if (filled[field.name] !== undefined && field.defaultValue() === undefined) {
        defaults[index] = () => filled[field.name]
      } else if (field.defaultValue() === undefined) {
        impossible.push(`${at(field.name)}: ${title(field.type)}, no default in the reader, no such field in the writer`)
      }
    })
    if (impossible.length > 0) return fail(source, impossible)
    // In the writer's order, as the bytes come: either into a slot of the reader's constructor, or skipped.
    const plan = source.fields.map(field => {
      const slot = position.get(field.name)
      return slot === undefined ? { slot: -1, read: undefined, type: tapType(field.type) } : { slot, read: steps.get(slot)!, type: tapType(field.type) }
    })
    const constants = defaults.flatMap((make, slot) => make === undefined ? [] : [{ slot, make }])
    const Constructor = target.recordConstructor
    const width = target.fields.length
    return {
      impossible: [],
      read (tap) {
        const values = new Array<unknown>(width).fill(undefined)
        for (const { slot, read, type } of plan) {
          if (read === undefined) type._skip(tap)
          else values[slot] = read.plain ? type._read(tap) : read.read(tap)
        }
        for (const { slot, make } of constants) values[slot] = make()
        return new Constructor(...values)
      }
    }
  }

  /** Puts the fill-in where the writer's value is null and the reader's field takes no null. */
  function filling (source: AvscType, step: Step, value: unknown, path: string): Step {
    if (kind(source) !== 'union' || !nullFails.has(step)) return step
    noted = noted.filter(note => !note.startsWith(`${path}: null cannot`))
    const nullIndex = shape(source).types.findIndex(type => kind(type) === 'null')
    const branches = nullFails.get(step)!
    return {
      impossible: [],
      read (tap) {
        const index = (tap as Tap).readLong()
        return index === nullIndex ? value : branches(tap, index)
      }
    }
  }

  // Union steps whose null branch does not resolve, with what reads one of their branches.
  const nullFails = new Map<Step, (tap: Cursor, index: number) => unknown>()

  function fromUnion (source: AvscType, target: AvscType, path: string): Step {
    const branches = shape(source).types.map(branch => compile(branch, target, path))
    const readBranch = (tap: Cursor, index: number): unknown => {
      const branch = branches[index]
      if (branch === undefined) throw new Error(`invalid union index ${index} at ${path}`)
      return branch.read(tap)
    }
    const step: Step = {
      impossible: branches.every(branch => branch.impossible.length > 0) ? [...new Set(branches.flatMap(branch => branch.impossible))] : [],
      read: tap => readBranch(tap, (tap as Tap).readLong())
    }
    const nullIndex = shape(source).types.findIndex(type => kind(type) === 'null')
    if (nullIndex >= 0 && branches[nullIndex]!.impossible.length > 0) nullFails.set(step, readBranch)
    return step
  }

  function toUnion (source: AvscType, target: AvscType, path: string): Step {
    const branches = shape(target).types
    const wrapped = target.typeName === 'union:wrapped'
    const exact = branches.find(branch => kind(branch) === kind(source) && (source.name === undefined || sameName(source, branch)))
    const before = noted.length
    const candidates = exact === undefined ? branches.map(branch => compile(source, branch, path)) : [compile(source, exact, path)]
    const chosen = candidates.findIndex(step => step.impossible.length === 0)
    // What the branches not taken would have run into is no failure.
    if (exact === undefined) noted.length = before
    if (chosen < 0) return exact === undefined ? mismatch(source, target, path) : candidates[0]!
    const step = candidates[chosen]!
    const branch = exact ?? branches[chosen]!
    if (!wrapped || kind(branch) === 'null') return step
    return { impossible: [], read: tap => ({ [branch.branchName!]: step.read(tap) }) }
  }

  function symbol (source: AvscType, target: AvscType, path: string): Step {
    const { symbols } = shape(source)
    const known = new Set(shape(target).symbols)
    const fallback = shape(target).default
    return {
      impossible: [],
      read (tap) {
        const value = symbols[(tap as Tap).readLong()]
        if (value === undefined) throw new Error(`invalid enum index at ${path}`)
        if (known.has(value)) return value
        if (fallback === undefined) failures.fields.add(`${path}: the reader's enum has neither ${JSON.stringify(value)} nor a default`)
        return fallback
      }
    }
  }

  function items (item: Step): Step {
    return {
      impossible: [],
      read (cursor) {
        const values: unknown[] = []
        eachItem(cursor as Tap, tap => values.push(item.read(tap)))
        return values
      }
    }
  }

  function entries (value: Step): Step {
    return {
      impossible: [],
      read (cursor) {
        const map = Object.create(null) as Record<string, unknown>
        eachItem(cursor as Tap, tap => {
          const key = tap.readString()
          map[key] = value.read(tap)
        })
        return map
      }
    }
  }

  const root = compile(writer, reader, '')
  return { ...root, conditional: [...new Set(noted)].filter(note => !root.impossible.includes(note)) }
}

const mostEmptyItems = 1_000_000

function eachItem (tap: Tap, visit: (tap: Tap) => void): void {
  for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
    if (count < 0) {
      count = -count
      tap.readLong()
    }
    if (count > tap.buf.length - tap.pos && count > mostEmptyItems) throw new Error(`an array or map claims ${count} items`)
    while (count-- > 0) {
      visit(tap)
      if (tap.pos > tap.buf.length) throw new Error('the data ends within an array or map')
    }
  }
}

function sameName (writer: AvscType, reader: AvscType): boolean {
  const name = unqualified(writer.name ?? '')
  return [reader.name ?? '', ...reader.aliases ?? []].some(candidate => unqualified(candidate) === name)
}
