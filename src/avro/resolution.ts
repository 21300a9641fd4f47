// Avro schema resolution (Avro spec, "Schema Resolution"): reads a datum of the writer's schema in the reader's shape: reordered, dropped and
// defaulted fields, aliases, promotions, unions, named types by unqualified name (the survey's namespaces differ per version).
// avsc's own resolvers refuse a pair of schemas at the first field that *might* not fit; here what depends on the data (a union's branch,
// an empty array) is decided per record, as the spec has it, and an error lists every field that does not resolve, by its path.
import { resolutionErrors, schemaErrors } from './errors.ts'
import { compileResolution, type Failures } from './resolution-steps.ts'
import type { AlertSchema, AlertValue } from './schema.ts'
import { surveyAliases, type FieldAliases, type FieldFillIns } from './survey-aliases.ts'
import { deriveType } from './avsc-types.ts'
import { messageOf, type AlertStreamError } from '../pipeline/errors.ts'

export interface ResolutionOptions {
  /** Older names of reader fields, beside the aliases in the reader's schema itself; default: the survey's renames. */
  readonly aliases?: FieldAliases | undefined
  /** Values for required fields that the writer cannot give; default: none, which is strict Avro. `surveyFillIns` has the survey's. */
  readonly fillIns?: FieldFillIns | undefined
}

export interface Resolver {
  /** The value of exactly one datum, in the reader's shape. Errors: RESOLUTION_IMPOSSIBLE for this record, DATUM_INVALID. */
  (datum: Buffer): AlertValue
  /** As the call, for the datum at `offset`, with its end. */
  readonly decodeAt: (bytes: Buffer, offset: number) => { readonly value: AlertValue, readonly end: number }
  /** Whether writer and reader have the same wire form, so that a datum can be passed on as it is. */
  readonly identical: boolean
}

type Outcome = { readonly resolver: Resolver } | { readonly error: AlertStreamError }

const noFillIns: FieldFillIns = {}
const cache = new WeakMap<AlertSchema, WeakMap<AlertSchema, Map<FieldAliases, Map<FieldFillIns, Outcome>>>>()

/**
 * The resolver of a pair of schemas; made once per pair, so it may be called per record.
 * Error: RESOLUTION_IMPOSSIBLE where no alert of the writer's schema can be read as the reader's, listing all fields.
 */
export function resolver (writer: AlertSchema, reader: AlertSchema, options: ResolutionOptions = {}): Resolver {
  const aliases = options.aliases ?? surveyAliases
  const fillIns = options.fillIns ?? noFillIns
  const slot = entry(entry(entry(cache, writer, () => new WeakMap()), reader, () => new Map()), aliases, () => new Map<FieldFillIns, Outcome>())
  const outcome = entry(slot, fillIns, () => build(writer, reader, aliases, fillIns))
  if ('error' in outcome) throw outcome.error
  return outcome.resolver
}

function entry<K, V> (map: { get (key: K): V | undefined, set (key: K, value: V): unknown }, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, value = make())
  return value
}

function build (writer: AlertSchema, reader: AlertSchema, aliases: FieldAliases, fillIns: FieldFillIns): Outcome {
  const between = `${writer.name} -> ${reader.name}`
  if (writer.text === reader.text) return { resolver: finish(writer, (bytes, offset) => writer.decodeAt(bytes, offset), true) }
  const failures: Failures = { fields: new Set() }
  const step = compileResolution(writer.type, reader.type, aliases, fillIns, failures)
  if (step.impossible.length > 0) {
    const also = step.conditional.length === 0 ? [] : [`and in alerts that have them: ${step.conditional.join('; ')}`]
    return { error: impossible(`no alert of ${writer.name} can be read as ${reader.name}`, [...step.impossible, ...also], between) }
  }
  const type = deriveType(writer.type, { _read: step.read })
  const identical = writer.type.equals(reader.type)
  return {
    resolver: finish(writer, (bytes, offset) => {
      failures.fields.clear()
      let decoded: { value: unknown, offset: number }
      try {
        decoded = type.decode(bytes, offset)
      } catch (error) {
        throw schemaErrors.DATUM_INVALID(`the datum cannot be read as ${writer.name}: ${messageOf(error)}`, { cause: error })
      }
      if (decoded.offset < 0) throw schemaErrors.DATUM_INVALID(`the datum cannot be read as ${writer.name}: it ends before its last field`)
      if (failures.fields.size > 0) throw impossible(`this alert of ${writer.name} cannot be read as ${reader.name}`, [...failures.fields], between)
      return { value: decoded.value as AlertValue, end: decoded.offset }
    }, identical)
  }
}

function finish (writer: AlertSchema, decodeAt: Resolver['decodeAt'], identical: boolean): Resolver {
  const whole = (datum: Buffer): AlertValue => {
    const { value, end } = decodeAt(datum, 0)
    if (end !== datum.length) {
      throw schemaErrors.DATUM_INVALID(`the datum cannot be read as ${writer.name}: ${datum.length - end} of its ${datum.length} bytes are left over`)
    }
    return value
  }
  return Object.assign(whole, { decodeAt, identical })
}

function impossible (what: string, fields: readonly string[], where: string): AlertStreamError {
  return resolutionErrors.RESOLUTION_IMPOSSIBLE(`${what}: ${fields.join('; ')}`, { where })
}

