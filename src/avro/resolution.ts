// Avro schema resolution (Avro spec, "Schema Resolution"): makes a datum of the reader schema from one of the writer schema. Values that
// both schemas encode in the same way stay as the producer wrote them. Named types match by unqualified name, since the survey's
// namespaces contain the version. Union branches and array items resolve by the values of each record, as the spec requires. Errors list
// all failing fields.
import { isSameSchema } from './canonical-form.ts'
import { DatumOutput } from './datum-output.ts'
import { invalidDatum } from './datum.ts'
import { resolutionErrors } from './errors.ts'
import { compileResolution, type Failures } from './resolution-compiler.ts'
import type { AlertSchema } from './schema.ts'
import { surveyAliases, type FieldAliases, type FieldFillIns } from './survey-aliases.ts'
import { messageOf, type AlertStreamError } from '../pipeline/errors.ts'

export interface ResolutionOptions {
  /** Older names of reader fields, in addition to the aliases in the reader schema. Default: `surveyAliases`. */
  readonly aliases?: FieldAliases | undefined
  /** Values for required reader fields that the writer schema does not have, such as `surveyFillIns`. Default: none. */
  readonly fillIns?: FieldFillIns | undefined
}

/**
 * Makes a datum of the reader schema from exactly one datum of the writer schema, which it checks. The new buffer begins with `headerBytes`
 * bytes for a header (default 0). Errors: DATUM_INVALID; RESOLUTION_IMPOSSIBLE if the datum does not resolve.
 */
type Resolver = (datum: Buffer, headerBytes?: number) => Buffer
type Outcome = { readonly resolve: Resolver } | { readonly error: AlertStreamError }

const noFillIns: FieldFillIns = {}
const output = new DatumOutput()
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
  if (isSameSchema(writer.text, reader.text)) return { resolve: (datum, headerBytes = 0) => copyOf(writer, datum, headerBytes) }
  const where = `${writer.name} -> ${reader.name}`
  const failures: Failures = new Set()
  const step = compileResolution(writer.root, reader.root, aliases, fillIns, failures, output)
  if (step.impossible.length > 0) {
    const also = step.conditional.length === 0 ? [] : [`and in alerts that have them: ${step.conditional.join('; ')}`]
    return { error: impossible(`no alert of ${writer.name} can be read as ${reader.name}`, [...step.impossible, ...also], where) }
  }
  return {
    resolve (datum, headerBytes = 0) {
      if (step.plain) return copyOf(writer, datum, headerBytes)
      writer.checkDatum(datum)
      failures.clear()
      let resolved: Buffer
      try {
        output.begin(datum, headerBytes)
        step.write(datum, 0)
        resolved = output.end()
      } catch (error) {
        throw invalidDatum(writer.name, messageOf(error), error)
      }
      if (failures.size > 0) throw impossible(`this alert of ${writer.name} cannot be read as ${reader.name}`, [...failures], where)
      return resolved
    }
  }
}

function copyOf (writer: AlertSchema, datum: Buffer, headerBytes: number): Buffer {
  writer.checkDatum(datum)
  const copy = Buffer.allocUnsafe(headerBytes + datum.length)
  datum.copy(copy, headerBytes)
  return copy
}

function impossible (what: string, fields: readonly string[], where: string): AlertStreamError {
  return resolutionErrors.RESOLUTION_IMPOSSIBLE(`${what}: ${fields.join('; ')}`, { where })
}
