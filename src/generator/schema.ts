// Parses a self-contained Avro schema into a tree of record and field types with all named references resolved, and casts values to
// field types. A cast always returns a value that avsc accepts for the type: unions unwrapped, longs as bigint, floats rounded to float32,
// bytes as Buffer.
import { generatorErrors } from './errors.ts'

export interface RecordType {
  readonly kind: 'record'
  /** Name without namespace, for example `diaSource`. */
  readonly name: string
  readonly fields: FieldType[]
}
interface PrimitiveType {
  readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'
  /** Avro's logicalType, for example `timestamp-micros`. */
  readonly logical?: string
}
interface ArrayType { readonly kind: 'array' | 'map', readonly items: Type }
interface EnumType { readonly kind: 'enum', readonly symbols: readonly string[] }
interface FixedType { readonly kind: 'fixed', readonly size: number }
type Branch = RecordType | PrimitiveType | ArrayType | EnumType | FixedType
/** An Avro type. For a union, `branch` is the first branch other than null. */
export interface Type {
  readonly nullable: boolean
  readonly branch: Branch
}
interface FieldType {
  readonly name: string
  readonly type: Type
}

/** A field's value before the cast to the field's type. */
export type FieldValue = number | bigint | boolean | string | Buffer | object | null | undefined

type Json = Record<string, unknown>
const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])
const UNIX_EPOCH_MJD = 40587
/** TAI - UTC since 2017, seconds. */
const TAI_MINUS_UTC = 37

/** Throws GENERATOR_SCHEMA_UNUSABLE if the schema is not a record or not self-contained. */
export function parseAlertSchema (schema: unknown): RecordType {
  const type = parseType(schema, '', new Map(), 'the schema')
  if (type.nullable || type.branch.kind !== 'record') {
    throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE('the top level of the schema is not a record')
  }
  return type.branch
}

function parseType (json: unknown, namespace: string, named: Map<string, Branch>, where: string): Type {
  if (Array.isArray(json)) return parseUnion(json, namespace, named, where)
  if (typeof json === 'string') {
    if (primitives.has(json)) return nonUnion({ kind: json as PrimitiveType['kind'] })
    const found = named.get(json.includes('.') || namespace === '' ? json : `${namespace}.${json}`) ?? named.get(json)
    if (found === undefined) throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE(`the type '${json}' is used before it is defined`, { where })
    return nonUnion(found)
  }
  if (typeof json !== 'object' || json === null) {
    throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE('the type is not a name, a union or an object', { where })
  }
  const object = json as Json
  switch (object['type']) {
    case 'record':
    case 'error': return nonUnion(parseRecord(object, namespace, named, where))
    case 'enum': return nonUnion(define(object, namespace, named, { kind: 'enum', symbols: (object['symbols'] ?? []) as string[] }))
    case 'fixed': return nonUnion(define(object, namespace, named, { kind: 'fixed', size: Number(object['size'] ?? 0) }))
    case 'array': return nonUnion({ kind: 'array', items: parseType(object['items'], namespace, named, where) })
    case 'map': return nonUnion({ kind: 'map', items: parseType(object['values'], namespace, named, where) })
    default: {
      const inner = parseType(object['type'], namespace, named, where)
      const logical = object['logicalType']
      return typeof logical === 'string' && primitives.has(inner.branch.kind)
        ? { ...inner, branch: { ...inner.branch, logical } as PrimitiveType }
        : inner
    }
  }
}

function nonUnion (branch: Branch): Type {
  return { nullable: branch.kind === 'null', branch }
}

function parseUnion (json: readonly unknown[], namespace: string, named: Map<string, Branch>, where: string): Type {
  const types = json.map(item => parseType(item, namespace, named, where))
  const first = types.find(type => type.branch.kind !== 'null')
  return { nullable: types.some(type => type.nullable), branch: first?.branch ?? { kind: 'null' } }
}

function parseRecord (json: Json, namespace: string, named: Map<string, Branch>, where: string): RecordType {
  const fields: FieldType[] = []
  const record: RecordType = { kind: 'record', name: String(json['name']).split('.').at(-1)!, fields }
  define(json, namespace, named, record)
  const inner = namespaceOf(json, namespace)
  if (!Array.isArray(json['fields'])) {
    throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE(`the record '${record.name}' has no fields`, { where })
  }
  for (const field of json['fields'] as Json[]) {
    const name = String(field['name'])
    fields.push({ name, type: parseType(field['type'], inner, named, `${record.name}.${name}`) })
  }
  return record
}

function namespaceOf (json: Json, enclosing: string): string {
  const name = String(json['name'])
  if (name.includes('.')) return name.slice(0, name.lastIndexOf('.'))
  return typeof json['namespace'] === 'string' ? json['namespace'] : enclosing
}

function define<T extends Branch> (json: Json, enclosing: string, named: Map<string, Branch>, branch: T): T {
  const namespace = namespaceOf(json, enclosing)
  const name = String(json['name']).split('.').at(-1)!
  named.set(namespace === '' ? name : `${namespace}.${name}`, branch)
  return branch
}

/**
 * Values that cannot be cast become null, or the type's zero value if the type is not nullable. A float or double becomes `missingNumber`
 * instead, unless that is null.
 */
export function castTo (type: Type, missingNumber: number | null = null): (value: FieldValue) => unknown {
  const cast = castBranch(type.branch)
  const real = type.branch.kind === 'float' || type.branch.kind === 'double'
  const fallback = real && missingNumber !== null ? missingNumber : type.nullable ? null : zeroValue(type.branch)
  return value => {
    if (value === null || value === undefined) return fallback
    const result = cast(value)
    return result === undefined ? fallback : result
  }
}

// The returned function returns undefined for values that it cannot cast.
function castBranch (branch: Branch): (value: NonNullable<FieldValue>) => unknown {
  switch (branch.kind) {
    case 'null': return () => null
    case 'boolean': return value => typeof value === 'boolean' ? value : undefined
    case 'int': return value => typeof value === 'boolean' ? Number(value) : isNumeric(value) ? Math.trunc(Number(value)) | 0 : undefined
    case 'long': return castLong(branch.logical)
    case 'float': return value => isNumeric(value) ? finite(Math.fround(Number(value))) : undefined
    case 'double': return value => isNumeric(value) ? finite(Number(value)) : undefined
    case 'bytes': return value => Buffer.isBuffer(value) ? value : undefined
    case 'string': return value => typeof value === 'string' ? value : typeof value === 'object' ? undefined : String(value)
    case 'enum': return value => typeof value === 'string' && branch.symbols.includes(value) ? value : undefined
    case 'fixed': return value => Buffer.isBuffer(value) && value.length === branch.size ? value : undefined
    case 'array': return value => Array.isArray(value) ? value : undefined
    case 'record':
    case 'map': return value => typeof value === 'object' && !Array.isArray(value) && !Buffer.isBuffer(value) ? value : undefined
  }
}

function isNumeric (value: NonNullable<FieldValue>): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function finite (value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}

// The survey's times are Modified Julian Dates in TAI. A cast to a timestamp type converts the time to UTC.
function castLong (logical: string | undefined): (value: NonNullable<FieldValue>) => unknown {
  const unitsPerSecond = logical === 'timestamp-micros' ? 1e6 : logical === 'timestamp-millis' ? 1e3 : undefined
  return value => {
    if (typeof value === 'bigint') return value
    if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
    if (unitsPerSecond === undefined) return BigInt(Math.trunc(value))
    return BigInt(Math.round(((value - UNIX_EPOCH_MJD) * 86_400 - TAI_MINUS_UTC) * unitsPerSecond))
  }
}

function zeroValue (branch: Branch): unknown {
  switch (branch.kind) {
    case 'null': return null
    case 'boolean': return false
    case 'int':
    case 'float':
    case 'double': return 0
    case 'long': return 0n
    case 'bytes': return Buffer.alloc(0)
    case 'string': return ''
    case 'enum': return branch.symbols[0] ?? ''
    case 'fixed': return Buffer.alloc(branch.size)
    case 'array': return []
    case 'map': return {}
    case 'record': return Object.fromEntries(branch.fields.map(({ name, type }) => [name, type.nullable ? null : zeroValue(type.branch)]))
  }
}
