// The narrow view of a logger that parts of the program take as an argument (pino satisfies it).

/** Fields first, then the message, as pino has it. */
export interface Logger {
  debug (fields: object, message: string): void
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

/** Says nothing: the default in tests and benchmarks. */
export const silent: Logger = { debug () {}, info () {}, warn () {}, error () {} }
