// The logger interface that modules of the program take as an argument. A pino logger implements this interface.

/** Each method takes structured fields, then the message. */
export interface Logger {
  debug (fields: object, message: string): void
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

/** Logs nothing. */
export const silent: Logger = { debug () {}, info () {}, warn () {}, error () {} }
