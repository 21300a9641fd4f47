// The structure of avsc types (record fields, union branches, item types).
import type { AvscType } from './avsc-types.ts'

export interface FieldShape {
  readonly name: string
  readonly type: AvscType
  readonly aliases: readonly string[]
  defaultValue (): unknown
}

/** The members of avsc's types that schema resolution and field scanning read. Each kind of type has only some of them. */
interface TypeShape extends AvscType {
  readonly fields: readonly FieldShape[]
  readonly recordConstructor: new (...values: unknown[]) => object
  readonly types: readonly AvscType[]
  readonly itemsType: AvscType
  readonly valuesType: AvscType
  readonly symbols: readonly string[]
  readonly default?: string
  readonly size: number
}

export const shapeOf = (type: AvscType): TypeShape => type as TypeShape

/** The name of a type in Avro, such as `union`. avsc has separate names for custom longs, error records and both forms of unions. */
export function kindOf (type: AvscType): string {
  if (type.typeName === 'abstract:long') return 'long'
  if (type.typeName === 'error') return 'record'
  return type.typeName.startsWith('union:') ? 'union' : type.typeName
}
