// The error type of the program. Every failure that a user can meet has a stable `code` and states what happened, where, and what to do.
// After a `retryable` error the pipeline retries the call, a `fatal` error fails the graph, and any other error dead-letters the record.
// Each module declares its codes in one table with `defineErrors`, so that all codes can be listed and documented.

export interface ErrorSpec {
  /** Advice to the user: one imperative sentence. */
  readonly hint: string
  /** Whether the same call may succeed later, for example when a server is back. Default false: the record is dead-lettered. */
  readonly retryable?: boolean
  /** An operator has to act, for example on denied access; no record is at fault. Default false. Overrides `retryable`. */
  readonly fatal?: boolean
  /** Whether the error is a wrong command line or configuration, after which the program exits with code 2. */
  readonly usage?: boolean
}

export interface ErrorDetails {
  /** Where the error happened: a file path, a URL, `topic[partition]@offset`, a flag. */
  readonly where?: string | undefined
  readonly cause?: unknown
  /** Replaces the hint that the error code declares. */
  readonly hint?: string | undefined
  readonly retryable?: boolean | undefined
  readonly fatal?: boolean | undefined
}

/** An error that a user can act on. `formatError` prints it as `CODE: what (where). hint`. */
export class AlertStreamError extends Error {
  readonly code: string
  readonly where: string | undefined
  readonly hint: string
  readonly retryable: boolean
  readonly fatal: boolean
  readonly usage: boolean

  constructor (code: string, what: string, spec: ErrorSpec, details: ErrorDetails = {}) {
    super(what, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'AlertStreamError'
    this.code = code
    this.where = details.where
    this.hint = details.hint ?? spec.hint
    this.fatal = details.fatal ?? spec.fatal ?? false
    this.retryable = details.retryable ?? spec.retryable ?? false
    this.usage = spec.usage ?? false
  }
}

export type ErrorFactory = (what: string, details?: ErrorDetails) => AlertStreamError

const declared = new Map<string, ErrorSpec>()

/**
 * Declares a module's error codes: `const errors = defineErrors({ AVRO_TRUNCATED: { hint: '...' } })`, then
 * `throw errors.AVRO_TRUNCATED('the file ends inside block 3', { where: path })`. Throws if a code is declared twice.
 */
export function defineErrors<const T extends Record<string, ErrorSpec>> (specs: T): { readonly [K in keyof T]: ErrorFactory } {
  const factories: Record<string, ErrorFactory> = {}
  for (const [code, spec] of Object.entries(specs)) {
    if (declared.has(code)) throw new Error(`error code ${code} is declared twice`)
    declared.set(code, spec)
    factories[code] = (what, details) => new AlertStreamError(code, what, spec, details)
  }
  return factories as { readonly [K in keyof T]: ErrorFactory }
}

/** All codes of the modules loaded so far, for documentation. */
export function declaredErrors (): ReadonlyMap<string, ErrorSpec> {
  return declared
}

/** One line for a user: `CODE: message (where): root cause. Hint.` The root cause is omitted if the message repeats the cause. */
export function formatError (error: unknown): string {
  if (!(error instanceof AlertStreamError)) {
    return `UNEXPECTED: ${sentences(messageOf(error), 'This is a bug in alert-stream. Run again with --debug and report it.')}`
  }
  const where = error.where === undefined ? '' : ` (${error.where})`
  const root = rootCause(error)
  const because = root === error || error.message.includes(messageOf(root)) ? '' : `: ${messageOf(root)}`
  return `${error.code}: ${sentences(`${withoutStop(error.message)}${where}${because}`, error.hint)}`
}

/** Joins texts into sentences that each end with one full stop, question mark or exclamation mark. Skips empty texts. */
export function sentences (...texts: ReadonlyArray<string | undefined>): string {
  const trimmed = texts.map(text => withoutStop(text ?? '')).filter(text => text !== '')
  return trimmed.map(text => /[?!]$/.test(text) ? text : `${text}.`).join(' ')
}

function withoutStop (text: string): string {
  return text.replace(/[.:;,\s]+$/, '')
}

export function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

export function asError (error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** The stable code of an AlertStreamError; `UNEXPECTED` for any other value. */
export function errorCode (error: unknown): string {
  return error instanceof AlertStreamError ? error.code : 'UNEXPECTED'
}

/** If the code of the error is in `codes`, returns a retryable copy of the error; otherwise returns the error unchanged. */
export function asRetryable (error: unknown, codes: ReadonlySet<string>): unknown {
  if (!(error instanceof AlertStreamError) || error.retryable || !codes.has(error.code)) return error
  const { code, message, hint, where, cause } = error
  return new AlertStreamError(code, message, { hint, retryable: true }, { where, cause })
}

/** The `code` that Node or a library set on the error, such as ENOENT; undefined if the error has no code. */
export function systemErrorCode (error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
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
