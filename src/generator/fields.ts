// Compiles a record of the schema into a function that builds it: for every field the rule of its name, else what the
// name's ending suggests, else what its type allows; then a cast onto the field's type. The work per name is done once.
import { canonicalName } from './names.ts'
import { type Random } from './random.ts'
import { type Plain, type RecordType, type Type, castTo } from './schema.ts'

/** The value of one field in a context; undefined leaves it to the ending of the name. */
export type Rule<C> = (context: C, random: Random) => Plain
export type Rules<C> = Readonly<Record<string, Rule<C>>>
/** Builds one record. */
export type Builder<C> = (context: C, random: Random) => Record<string, unknown>

/** `rulesFor` sees the newest name of a field and its type; it may return nothing. */
export function compileRecord<C> (record: RecordType, rulesFor: (name: string, type: Type) => Rule<C> | undefined): Builder<C> {
  const names = record.fields.map(field => field.name)
  const rules = record.fields.map(field => {
    const name = canonicalName(field.name)
    return rulesFor(name, field.type) ?? ruleOfEnding(name, field.type)
  })
  const casts = record.fields.map(field => castTo(field.type))
  // A copy of a complete record keeps its hidden class; adding a hundred fields one by one makes a slow dictionary.
  const template = Object.fromEntries(names.map(name => [name, null as unknown]))
  return (context, random) => {
    const built = { ...template }
    for (let i = 0; i < names.length; i++) built[names[i]!] = casts[i]!(rules[i]!(context, random))
    return built
  }
}

/** A lookup in a table of rules. */
export function table<C> (rules: Rules<C>): (name: string) => Rule<C> | undefined {
  return name => Object.hasOwn(rules, name) ? rules[name] : undefined
}

// What a field is likely to hold when nothing more is known of it.
const endings: readonly (readonly [RegExp, Rule<unknown>])[] = [
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

function ruleOfEnding (name: string, type: Type): Rule<unknown> {
  const found = endings.find(([pattern]) => pattern.test(name))
  if (found !== undefined) return found[1]
  switch (type.branch.kind) {
    case 'boolean': return (_, random) => random.chance(0.01)
    case 'int':
    case 'long': return (_, random) => random.below(100)
    case 'float':
    case 'double': return (_, random) => random.chance(0.1) ? null : random.unit()
    default: return () => undefined
  }
}
