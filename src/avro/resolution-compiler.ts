// Compiles a pair of avsc types into a tree of steps. Each step reads one value of the writer's type from the tap, in the reader's shape.
// If a value does not resolve, its step records the path of the field and skips the writer's bytes. Therefore one error names every
// failing field, and the end of the record is always found.
import { isUtf8 } from 'node:buffer'
import { laterDefaultOf } from './avsc-schema.ts'
import { readArray, readMap, tapType, type AvscType, type Tap } from './avsc-types.ts'
import type { FieldAliases, FieldFillIns } from './survey-aliases.ts'
import { isPrimitive } from './schema-tree.ts'
import { describeType, kindOf, sameName, shapeOf, unqualified } from './type-shape.ts'
import type { Cursor } from './varint.ts'

/** The fields of the current record that did not resolve, each with the reason. */
export type Failures = Set<string>

interface Step {
  read (tap: Cursor): unknown
  /** Failures that occur for every datum, each with its field path. Empty if at least some data resolve. */
  readonly impossible: readonly string[]
  /** True if the step only calls the read method of the writer's type, because no conversion is needed. */
  readonly plain?: boolean
}

export interface Compiled extends Step {
  /** Failures that depend on the datum: on a branch of a union or on the items of an array. */
  readonly conditional: readonly string[]
}

// Avro spec, "Schema Resolution". A function returns undefined for a value that cannot be converted.
const promotions: Record<string, (value: never) => unknown> = {
  'int>long': (value: number) => BigInt(value),
  'int>float': (value: number) => value,
  'int>double': (value: number) => value,
  'long>float': (value: bigint) => Number(value),
  'long>double': (value: bigint) => Number(value),
  'float>double': (value: number) => value,
  'string>bytes': (value: string) => Buffer.from(value),
  'bytes>string': (value: Buffer) => isUtf8(value) ? value.toString() : undefined
}

/** The entry of a table under a name of a schema, which may also be the name of an inherited property, such as `constructor`. */
function own<V> (table: Readonly<Record<string, V>>, name: string): V | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** Compiles a pair of types. The steps add to `failures` while they read a record. The caller clears `failures` before each record. */
export function compileResolution (
  writer: AvscType, reader: AvscType, aliases: FieldAliases, fillIns: FieldFillIns, failures: Failures
): Compiled {
  // Steps of the record pairs that are being compiled, by writer and reader type. Recursive references use these steps.
  const open = new Map<AvscType, Map<AvscType, Step>>()
  // All possible failures of a datum, in the order of the schema's fields.
  let possible: string[] = []

  function fail (source: AvscType, reasons: readonly string[]): Step {
    possible.push(...reasons)
    const skipped = tapType(source)
    return {
      impossible: reasons,
      read (tap) {
        skipped._skip(tap)
        for (const reason of reasons) failures.add(reason)
        return undefined
      }
    }
  }

  function mismatch (source: AvscType, target: AvscType, path: string): Step {
    return fail(source, [`${path === '' ? '(root)' : path}: ${describeType(source)} cannot be read as ${describeType(target)}`])
  }

  function compile (source: AvscType, target: AvscType, path: string): Step {
    if (source === target) return unchanged(source)
    const from = kindOf(source)
    const to = kindOf(target)
    if (from === 'union') return fromUnion(source, target, path)
    if (to === 'union') return toUnion(source, target, path)
    if (isPrimitive(from)) {
      if (from === to) return unchanged(source)
      const convert = promotions[`${from}>${to}`]
      if (convert === undefined) return mismatch(source, target, path)
      const original = tapType(source)
      return {
        impossible: [],
        read (tap) {
          const value = original._read(tap)
          // If the data have ended, avsc returns undefined, which is not converted. It reports the missing data after the last field.
          if (value === undefined) return undefined
          const converted = convert(value as never)
          if (converted === undefined) failures.add(`${path}: these ${from} are not valid UTF-8, so they cannot be read as ${to}`)
          return converted
        }
      }
    }
    if (from !== to) return mismatch(source, target, path)
    switch (from) {
      case 'record': return sameName(source, target) ? record(source, target, path) : mismatch(source, target, path)
      case 'enum': return sameName(source, target) ? symbol(source, target, path) : mismatch(source, target, path)
      case 'fixed': {
        const same = sameName(source, target) && shapeOf(source).size === shapeOf(target).size
        return same ? unchanged(source) : mismatch(source, target, path)
      }
      case 'array': {
        const item = compile(shapeOf(source).itemsType, shapeOf(target).itemsType, `${path}[]`)
        return { impossible: [], read: cursor => readArray(cursor, tap => item.read(tap)) }
      }
      case 'map': {
        const value = compile(shapeOf(source).valuesType, shapeOf(target).valuesType, `${path}{}`)
        return { impossible: [], read: cursor => readMap(cursor, tap => value.read(tap)) }
      }
      default: return mismatch(source, target, path)
    }
  }

  function unchanged (source: AvscType): Step {
    const original = tapType(source)
    return { impossible: [], plain: true, read: tap => original._read(tap) }
  }

  function record (source: AvscType, target: AvscType, path: string): Step {
    const known = open.get(source)?.get(target)
    if (known !== undefined) return known
    const forward: { step?: Step } = {}
    const pairs = open.get(source) ?? new Map<AvscType, Step>()
    open.set(source, pairs)
    pairs.set(target, { impossible: [], read: tap => forward.step!.read(tap) })
    const step = forward.step = recordStep(source, target, path)
    // Only recursive references share this step. Every other use of the pair is compiled again, so that its failures name its own path.
    pairs.delete(target)
    return step
  }

  function recordStep (source: AvscType, target: AvscType, path: string): Step {
    const name = unqualified(target.name ?? '')
    const [sourceFields, targetFields] = [shapeOf(source).fields, shapeOf(target).fields]
    const at = (field: string): string => path === '' ? field : `${path}.${field}`
    const renamed = own(aliases, name) ?? {}
    const filled = own(fillIns, name) ?? {}
    // Index of the matching reader field, by writer field name.
    const slots = new Map<string, number>()
    const impossible: string[] = []
    const steps = new Map<number, Step>()
    const defaults: Array<(() => unknown) | undefined> = []
    targetFields.forEach((field, index) => {
      // An alias is ignored if the reader has a field with the same name as the alias.
      const older = [...field.aliases, ...own(renamed, field.name) ?? []].filter(name => !targetFields.some(other => other.name === name))
      const found = [field.name, ...older]
        .map(name => sourceFields.find(other => other.name === name && !slots.has(name)))
        .find(other => other !== undefined)
      if (found !== undefined) {
        slots.set(found.name, index)
        const fillIn = own(filled, field.name)
        const compiled = compile(found.type, field.type, at(field.name))
        const step = fillIn === undefined ? compiled : withFillIn(found.type, compiled, fillIn, at(field.name))
        steps.set(index, step)
        impossible.push(...step.impossible)
      } else if (field.defaultValue() === undefined) {
        const fillIn = own(filled, field.name)
        const constant = laterDefaultOf(field) ?? (fillIn === undefined ? undefined : () => fillIn)
        if (constant !== undefined) defaults[index] = constant
        else impossible.push(`${at(field.name)}: ${describeType(field.type)}, no default in the reader, no such field in the writer`)
      }
    })
    if (impossible.length > 0) return fail(source, impossible)
    // The writer's fields in order. Each is read into its slot of the reader's record, or skipped if the reader has no such field.
    const plan = sourceFields.map(field => {
      const slot = slots.get(field.name) ?? -1
      return { slot, step: steps.get(slot), type: tapType(field.type) }
    })
    const constants = defaults.flatMap((make, slot) => make === undefined ? [] : [{ slot, make }])
    const Constructor = shapeOf(target).recordConstructor
    const width = targetFields.length
    return {
      impossible: [],
      read (tap) {
        const values = new Array<unknown>(width).fill(undefined)
        for (const { slot, step, type } of plan) {
          if (step === undefined) type._skip(tap)
          else values[slot] = step.plain ? type._read(tap) : step.read(tap)
        }
        for (const { slot, make } of constants) values[slot] = make()
        return new Constructor(...values)
      }
    }
  }

  // Steps of unions whose null branch does not resolve, each with the function that reads the branch with a given index.
  const nullFails = new Map<Step, (tap: Cursor, index: number) => unknown>()

  /** If the reader's field does not accept null, returns a step that replaces null by the fill-in value; otherwise returns `step`. */
  function withFillIn (source: AvscType, step: Step, value: unknown, path: string): Step {
    if (kindOf(source) !== 'union' || !nullFails.has(step)) return step
    possible = possible.filter(reason => !reason.startsWith(`${path}: null cannot`))
    const nullIndex = shapeOf(source).types.findIndex(type => kindOf(type) === 'null')
    const readBranch = nullFails.get(step)!
    return {
      impossible: [],
      read (tap) {
        const index = (tap as Tap).readLong()
        return index === nullIndex ? value : readBranch(tap, index)
      }
    }
  }

  function fromUnion (source: AvscType, target: AvscType, path: string): Step {
    const branches = shapeOf(source).types.map(branch => compile(branch, target, path))
    const readBranch = (tap: Cursor, index: number): unknown => {
      const branch = branches[index]
      if (branch === undefined) throw new Error(`invalid union index ${index} at ${path}`)
      return branch.read(tap)
    }
    const step: Step = {
      impossible: branches.every(branch => branch.impossible.length > 0) ? [...new Set(branches.flatMap(branch => branch.impossible))] : [],
      read: tap => readBranch(tap, (tap as Tap).readLong())
    }
    const nullIndex = shapeOf(source).types.findIndex(type => kindOf(type) === 'null')
    if (nullIndex >= 0 && branches[nullIndex]!.impossible.length > 0) nullFails.set(step, readBranch)
    return step
  }

  function toUnion (source: AvscType, target: AvscType, path: string): Step {
    const branches = shapeOf(target).types
    const wrapped = target.typeName === 'union:wrapped'
    const exact = branches.find(branch => kindOf(branch) === kindOf(source) && (source.name === undefined || sameName(source, branch)))
    const before = possible.length
    const candidates = exact === undefined ? branches.map(branch => compile(source, branch, path)) : [compile(source, exact, path)]
    const chosen = candidates.findIndex(step => step.impossible.length === 0)
    // Failures of branches that are not chosen do not count.
    if (exact === undefined) possible.length = before
    if (chosen < 0) return exact === undefined ? mismatch(source, target, path) : candidates[0]!
    const step = candidates[chosen]!
    const branch = exact ?? branches[chosen]!
    if (!wrapped || kindOf(branch) === 'null') return step
    return { impossible: [], read: tap => ({ [branch.branchName!]: step.read(tap) }) }
  }

  function symbol (source: AvscType, target: AvscType, path: string): Step {
    const { symbols } = shapeOf(source)
    const known = new Set(shapeOf(target).symbols)
    const fallback = shapeOf(target).default
    return {
      impossible: [],
      read (tap) {
        const value = symbols[(tap as Tap).readLong()]
        if (value === undefined) throw new Error(`invalid enum index at ${path}`)
        if (known.has(value)) return value
        if (fallback === undefined) failures.add(`${path}: the reader's enum has neither ${JSON.stringify(value)} nor a default`)
        return fallback
      }
    }
  }

  const root = compile(writer, reader, '')
  return { ...root, conditional: [...new Set(possible)].filter(reason => !root.impossible.includes(reason)) }
}
