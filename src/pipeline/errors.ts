// The one error shape of the program. Every failure that a user can meet carries a stable `code`, says what was wrong,
// where, and what to do. It is of one of three classes, which decide what the pipeline does: `retryable` (a server is down: try again),
// `fatal` (an operator has to act, no record is at fault: the graph fails at once), neither (this record is bad: dead letter).
// Each module declares its codes in one table with `defineErrors`, so the codes can be listed and documented.

/** What one error code means to the user and to the retry policy. */
export interface ErrorSpec {
  /** What the user should do about it: one sentence, imperative. */
  readonly hint: string
  /** Whether the same call may succeed later (a server that is down), default false (a bad record). */
  readonly retryable?: boolean
  /** Whether neither waiting nor another record can help (access denied, a bucket that is not there), default false. Never with `retryable`. */
  readonly fatal?: boolean
}

/** Facts of one occurrence. */
export interface ErrorDetails {
  /** Where it happened: a file path, a URL, `topic[partition]@offset`, a flag. */
  readonly where?: string | undefined
  readonly cause?: unknown
  /** Replaces the table's hint where the occurrence knows better. */
  readonly hint?: string | undefined
  readonly retryable?: boolean | undefined
  readonly fatal?: boolean | undefined
}

/** An error a user can act on: `CODE: what (where). hint` */
export class AlertStreamError extends Error {
  readonly code: string
  readonly where: string | undefined
  readonly hint: string
  readonly retryable: boolean
  readonly fatal: boolean

  constructor (code: string, what: string, spec: ErrorSpec, facts: ErrorDetails = {}) {
    super(what, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'AlertStreamError'
    this.code = code
    this.where = facts.where
    this.hint = facts.hint ?? spec.hint
    this.fatal = facts.fatal ?? spec.fatal ?? false
    this.retryable = facts.retryable ?? spec.retryable ?? false
  }
}

export type ErrorFactory = (what: string, facts?: ErrorDetails) => AlertStreamError

const known = new Map<string, ErrorSpec>()

/**
 * Declares a module's error codes: `const errors = defineErrors({ AVRO_TRUNCATED: { hint: '...' } })`, then
 * `throw errors.AVRO_TRUNCATED('the file ends inside block 3', { where: path })`. A code may be declared once only.
 */
export function defineErrors<const T extends Record<string, ErrorSpec>> (specs: T): { readonly [K in keyof T]: ErrorFactory } {
  const factories: Record<string, ErrorFactory> = {}
  for (const [code, spec] of Object.entries(specs)) {
    if (known.has(code)) throw new Error(`error code ${code} is declared twice`)
    known.set(code, spec)
    factories[code] = (what, facts) => new AlertStreamError(code, what, spec, facts)
  }
  return factories as { readonly [K in keyof T]: ErrorFactory }
}

/** Every code declared so far, for documentation. */
export function declaredErrors (): ReadonlyMap<string, ErrorSpec> {
  return known
}

/** One line for a user: code, what, where, what to do, and the innermost cause where it adds something. */
export function formatError (error: unknown): string {
  if (!(error instanceof AlertStreamError)) return `UNEXPECTED: ${messageOf(error)}. This is a fault of the program: run again with --debug and report it.`
  const where = error.where === undefined ? '' : ` (${error.where})`
  const root = rootCause(error)
  const because = root === error || error.message.includes(messageOf(root)) ? '' : `: ${messageOf(root)}`
  return `${error.code}: ${`${error.message}${where}${because}`.replace(/\.+$/, '')}. ${error.hint}`
}

/** The message of anything thrown. */
export function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Anything thrown, as an Error. */
export function asError (error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** Returns the error as a retryable one if its code is one of `codes`; any other error unchanged. */
export function asRetryable (error: unknown, codes: ReadonlySet<string>): unknown {
  if (!(error instanceof AlertStreamError) || error.retryable || !codes.has(error.code)) return error
  const { code, message, hint, where, cause } = error
  return new AlertStreamError(code, message, { hint, retryable: true }, { where, cause })
}

/** The name of a failed system call's error, such as ENOENT; undefined for any other. */
export function errnoOf (error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function rootCause (error: Error): Error {
  let current = error
  for (let depth = 0; depth < 8; depth++) {
    const next = current instanceof AggregateError && current.errors[0] instanceof Error ? current.errors[0] : current.cause
    if (!(next instanceof Error)) break
    current = next
  }
  return current
}
