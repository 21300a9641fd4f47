// Bound parameters of an SQL statement. Values never become part of the text of a statement.

export type ParameterType = 'BIGINT' | 'DOUBLE' | 'VARCHAR' | 'VARCHAR[]'
type Value = bigint | number | string | readonly string[]

export interface Parameter { readonly type: ParameterType, readonly value: Value }

export class Parameters {
  readonly list: Parameter[] = []

  /** Adds a value. Returns its placeholder in the statement. */
  add (type: ParameterType, value: Value): string {
    this.list.push({ type, value })
    return `$${this.list.length}`
  }
}
