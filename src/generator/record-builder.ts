// Compiles an Avro record type into a function that builds records. A field's value comes from the first rule that exists: the rule for
// the field's name, the default for the name's suffix, or the default for the field's type. The value is then cast to that type.
import { canonicalName } from './field-names.ts'
import type { Random } from './random.ts'
import { castTo, type FieldValue, type RecordType, type Type } from './schema.ts'

/** Computes the value of one field. Null or undefined becomes null, or the type's zero value if the field is not nullable. */
export type Rule<C> = (context: C, random: Random) => FieldValue
export type Rules<C> = Readonly<Record<string, Rule<C>>>
export type Builder<C> = (context: C, random: Random) => Record<string, unknown>

/**
 * `ruleFor` is called once per field, with the field's canonical name and type. It returns undefined to use the default rule. Float and
 * double fields without a value become `missingNumber`.
 */
export function compileRecord<C> (
  record: RecordType, missingNumber: number | null, ruleFor: (name: string, type: Type) => Rule<C> | undefined
): Builder<C> {
  const names = record.fields.map(field => field.name)
  const rules = record.fields.map(field => {
    const name = canonicalName(field.name)
    return ruleFor(name, field.type) ?? defaultRule(name, field.type)
  })
  const casts = record.fields.map(field => castTo(field.type, missingNumber))
  // Copies of a complete object share a V8 hidden class. Adding a hundred fields to an empty object would create a slow dictionary.
  const template = Object.fromEntries(names.map(name => [name, null as unknown]))
  return (context, random) => {
    const built = { ...template }
    for (let i = 0; i < names.length; i++) built[names[i]!] = casts[i]!(rules[i]!(context, random))
    return built
  }
}

export function ruleLookup<C> (rules: Rules<C>): (name: string) => Rule<C> | undefined {
  return name => Object.hasOwn(rules, name) ? rules[name] : undefined
}

const suffixRules: readonly (readonly [RegExp, Rule<unknown>])[] = [
  [/_Cov$/, (_, random) => 1e-3 * random.gaussian()],
  [/(Err|_unc|Sigma)$/, (_, random) => random.lognormal(0.05, 0.6)],
  [/Chi2$/, (_, random) => random.lognormal(40, 0.4)],
  [/LnL$/, (_, random) => -random.lognormal(20, 0.4)],
  [/LnP$/, (_, random) => -random.lognormal(2, 0.7)],
  [/(Ndata|nObs|nObsUsed|num\w*)$/i, (_, random) => 5 + random.below(60)],
  [/(Angle|Longitude|TrueAnomaly|Lon)$/, (_, random) => random.between(0, 360)],
  [/(Flux|Mean|Min|Max|Slope)$/, (_, random) => random.lognormal(1000, 0.8)],
  [/(Length|Dist)$/, (_, random) => random.lognormal(0.5, 0.6)],
  [/(Mjd|Mjd\w*|_mjd|Date)$/, (_, random) => random.between(60_800, 61_300)],
  [/^flags$/, () => 0],
  [/(_fit_failed|_flag\w*|^pixelFlags\w*)$/, (_, random) => random.chance(0.003)]
]

function defaultRule (name: string, type: Type): Rule<unknown> {
  const suffix = suffixRules.find(([pattern]) => pattern.test(name))
  if (suffix !== undefined) return suffix[1]
  switch (type.branch.kind) {
    case 'boolean': return (_, random) => random.chance(0.01)
    case 'int':
    case 'long': return (_, random) => random.below(100)
    case 'float':
    case 'double': return (_, random) => random.chance(0.1) ? null : random.unit()
    default: return () => undefined
  }
}
