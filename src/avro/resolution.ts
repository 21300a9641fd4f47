// Avro schema resolution (Avro spec, "Schema Resolution"): reads a datum of the writer schema in the shape of the reader schema. Named
// types match by unqualified name, since the survey's namespaces contain the version. avsc's own resolvers reject a pair of schemas at the
// first field that may fail. This module resolves union branches and array items by the values of each record, as the spec requires.
// Its errors list all failing fields.
import { deriveType } from './avsc-types.ts'
import { assertNothingFollows, decodeDatum } from './datum.ts'
import { resolutionErrors } from './errors.ts'
import { compileResolution, type Failures } from './resolution-compiler.ts'
import type { AlertSchema, AlertValue } from './schema.ts'
import { surveyAliases, type FieldAliases, type FieldFillIns } from './survey-aliases.ts'
import type { AlertStreamError } from '../pipeline/errors.ts'

export interface ResolutionOptions {
  /** Older names of reader fields, in addition to the aliases in the reader schema. Default: `surveyAliases`. */
  readonly aliases?: FieldAliases | undefined
  /** Values for required reader fields that the writer schema does not have, such as `surveyFillIns`. Default: none. */
  readonly fillIns?: FieldFillIns | undefined
}

/** Decodes exactly one datum into the reader's shape. Errors: DATUM_INVALID; RESOLUTION_IMPOSSIBLE if the datum does not resolve. */
type Resolver = (datum: Buffer) => AlertValue
type Outcome = { readonly resolve: Resolver } | { readonly error: AlertStreamError }

const noFillIns: FieldFillIns = {}
const cache = new WeakMap<AlertSchema, WeakMap<AlertSchema, Map<FieldAliases, Map<FieldFillIns, Outcome>>>>()

/**
 * Returns the resolver of a pair of schemas. Resolvers are cached, so callers may call this function for each record.
 * Error: RESOLUTION_IMPOSSIBLE if no alert of the writer schema can be read in the reader schema; the message lists all failing fields.
 */
export function resolver (writer: AlertSchema, reader: AlertSchema, options: ResolutionOptions = {}): Resolver {
  const aliases = options.aliases ?? surveyAliases
  const fillIns = options.fillIns ?? noFillIns
  const byReader = getOrSet(cache, writer, () => new WeakMap())
  const byFillIns = getOrSet(getOrSet(byReader, reader, () => new Map()), aliases, () => new Map<FieldFillIns, Outcome>())
  const outcome = getOrSet(byFillIns, fillIns, () => build(writer, reader, aliases, fillIns))
  if ('error' in outcome) throw outcome.error
  return outcome.resolve
}

function getOrSet<K, V> (map: { get (key: K): V | undefined, set (key: K, value: V): unknown }, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, value = make())
  return value
}

function build (writer: AlertSchema, reader: AlertSchema, aliases: FieldAliases, fillIns: FieldFillIns): Outcome {
  if (writer.text === reader.text) return { resolve: datum => writer.decode(datum) }
  const where = `${writer.name} -> ${reader.name}`
  const failures: Failures = new Set()
  const step = compileResolution(writer.type, reader.type, aliases, fillIns, failures)
  if (step.impossible.length > 0) {
    const also = step.conditional.length === 0 ? [] : [`and in alerts that have them: ${step.conditional.join('; ')}`]
    return { error: impossible(`no alert of ${writer.name} can be read as ${reader.name}`, [...step.impossible, ...also], where) }
  }
  const type = deriveType(writer.type, { _read: step.read })
  return {
    resolve (datum) {
      failures.clear()
      const { value, end } = decodeDatum(type, writer.name, datum, 0)
      if (failures.size > 0) throw impossible(`this alert of ${writer.name} cannot be read as ${reader.name}`, [...failures], where)
      assertNothingFollows(writer.name, datum, 0, end)
      return value as AlertValue
    }
  }
}

function impossible (what: string, fields: readonly string[], where: string): AlertStreamError {
  return resolutionErrors.RESOLUTION_IMPOSSIBLE(`${what}: ${fields.join('; ')}`, { where })
}
