// One specification per flag: type, description, default and example stand together, and from them come parsing, validation, the environment
// variable, the help text and the type of the configuration. A flag that is not in a mode's table does not exist there.

interface Common {
  readonly description: string
  /** Other names of the same flag, without dashes (the original's spelling). */
  readonly aliases?: readonly string[]
  readonly example?: string
  /** Further environment variables that are honoured, after ALERT_STREAM_<NAME>. */
  readonly environment?: readonly string[]
  /** Only from the environment or a file, never argv: argv is seen by every user of the machine. */
  readonly secret?: boolean
}
interface TextFlag extends Common { readonly type: 'text', readonly default?: string, readonly placeholder?: string, readonly check?: (value: string) => string | undefined }
interface ListFlag extends Common { readonly type: 'list', readonly default?: readonly string[], readonly placeholder?: string }
interface NumberFlag extends Common {
  readonly type: 'integer' | 'number', readonly default?: number, readonly min?: number, readonly max?: number, readonly placeholder?: string
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

/** The configuration that a table of flags gives: `--repeat-interval` becomes `repeatInterval`. */
export type ConfigOf<F extends Flags> = { readonly [K in keyof F & string as Camel<K>]: Value<F[K]> }

/** Keeps literal types, so that choices and defaults shape the configuration's type. */
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

/** What a flag takes, for help: `N`, `a|b`, nothing for a switch. */
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
