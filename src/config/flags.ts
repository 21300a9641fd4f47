// The specification of a flag: type, description, default and example. The parser, the environment variable, the help text and the type of
// the configuration derive from the specification.

interface Common {
  readonly description: string
  /** Other names of the flag, without leading dashes. */
  readonly aliases?: readonly string[]
  readonly example?: string
  /** Further environment variables, used if ALERT_STREAM_<NAME> is not set. */
  readonly environment?: readonly string[]
  /** Whether the flag is accepted from the environment only, because every user of the machine can read argv. */
  readonly secret?: boolean
}
interface TextFlag extends Common {
  readonly type: 'text', readonly default?: string, readonly placeholder?: string
  /** Returns undefined if the value is valid, otherwise a description of valid values. */
  readonly check?: (value: string) => string | undefined
}
interface ListFlag extends Common {
  readonly type: 'list', readonly default?: readonly string[], readonly placeholder?: string
  /** Like that of a text, for each item. */
  readonly check?: (item: string) => string | undefined
}
interface NumberFlag extends Common {
  readonly type: 'integer' | 'number', readonly default?: number, readonly placeholder?: string
  readonly min?: number, readonly max?: number
}
interface SwitchFlag extends Common { readonly type: 'switch', readonly default?: boolean }
interface ChoiceFlag extends Common { readonly type: 'choice', readonly choices: readonly string[], readonly default?: string }
export type FlagSpec = TextFlag | ListFlag | NumberFlag | SwitchFlag | ChoiceFlag
export type Flags = Readonly<Record<string, FlagSpec>>

type Plain<F extends FlagSpec> =
  F extends { type: 'list' } ? readonly string[]
    : F extends { type: 'integer' | 'number' } ? number
      : F extends { type: 'switch' } ? boolean
        : F extends { type: 'choice', choices: readonly (infer C)[] } ? C
          : string
type Value<F extends FlagSpec> = F extends { type: 'switch' } ? boolean : F extends { default: unknown } ? Plain<F> : Plain<F> | undefined
type Camel<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S

/** The type of the configuration for a table of flags: `--repeat-interval` becomes `repeatInterval`. */
export type ConfigOf<F extends Flags> = { readonly [K in keyof F & string as Camel<K>]: Value<F[K]> }

/** Returns `table` with its literal types, because choices and defaults determine the type of the configuration. */
export function flags<const F extends Flags> (table: F): F {
  return table
}

/** `repeat-interval` -> `repeatInterval` */
export function camel (name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** `repeat-interval` -> `ALERT_STREAM_REPEAT_INTERVAL` */
export function environmentName (name: string): string {
  return `ALERT_STREAM_${name.replaceAll('-', '_').toUpperCase()}`
}

/** The placeholder of the value in the help text, such as `N` or `a|b`. Empty for a switch. */
export function placeholder (spec: FlagSpec): string {
  switch (spec.type) {
    case 'switch': return ''
    case 'choice': return spec.choices.join('|')
    case 'integer': return spec.placeholder ?? 'N'
    case 'number': return spec.placeholder ?? 'X'
    case 'list': return spec.placeholder ?? 'A,B'
    case 'text': return spec.placeholder ?? 'TEXT'
  }
}
