// Reads the JSON of one self-contained Avro schema into a small tree of records and field types, with every reference
// by name resolved, and casts plain values onto those types by avsc's conventions: unions unwrapped, `long` as bigint,
// `float` rounded to float32, bytes as Buffer. A cast always yields a valid value of the type.
import { generatorErrors } from './errors.ts'

export interface RecordType {
  readonly kind: 'record'
  /** The name without its namespace: `diaSource`. */
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
/** One type: its branches apart from null (the first is used), and whether null is one. */
export interface Type {
  readonly nullable: boolean
  readonly branch: Branch
}
interface FieldType {
  readonly name: string
  readonly type: Type
}

/** What a rule may say of a field: a plain value, null, or nothing (undefined). */
export type Plain = number | bigint | boolean | string | Buffer | object | null | undefined

type Json = Record<string, unknown>
const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])
const EPOCH_MJD = 40587
const TAI_AHEAD_OF_UTC = 37

/** The record at the top of a schema. Throws GENERATOR_SCHEMA_UNUSABLE where it is not Avro or not self-contained. */
export function parseAlertSchema (schema: unknown): RecordType {
  const type = read(schema, '', new Map(), 'the schema')
  if (type.nullable || type.branch.kind !== 'record') throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE('the top of the schema is no record')
  return type.branch
}

function read (json: unknown, namespace: string, named: Map<string, Branch>, where: string): Type {
  if (Array.isArray(json)) return readUnion(json, namespace, named, where)
  if (typeof json === 'string') {
    if (primitives.has(json)) return plain({ kind: json as PrimitiveType['kind'] })
    const found = named.get(json.includes('.') || namespace === '' ? json : `${namespace}.${json}`) ?? named.get(json)
    if (found === undefined) throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE(`the type '${json}' is not defined before its use`, { where })
    return plain(found)
  }
  if (typeof json !== 'object' || json === null) throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE('a type is neither a name, a list nor an object', { where })
  const object = json as Json
  switch (object['type']) {
    case 'record':
    case 'error': return plain(readRecord(object, namespace, named, where))
    case 'enum': return plain(define(object, namespace, named, { kind: 'enum', symbols: (object['symbols'] ?? []) as string[] }))
    case 'fixed': return plain(define(object, namespace, named, { kind: 'fixed', size: Number(object['size'] ?? 0) }))
    case 'array': return plain({ kind: 'array', items: read(object['items'], namespace, named, where) })
    case 'map': return plain({ kind: 'map', items: read(object['values'], namespace, named, where) })
    default: {
      const inner = read(object['type'], namespace, named, where)
      const logical = object['logicalType']
      return typeof logical === 'string' && primitives.has(inner.branch.kind)
        ? { ...inner, branch: { ...inner.branch, logical } as PrimitiveType }
        : inner
    }
  }
}

function plain (branch: Branch): Type {
  return { nullable: branch.kind === 'null', branch }
}

function readUnion (json: readonly unknown[], namespace: string, named: Map<string, Branch>, where: string): Type {
  const types = json.map(item => read(item, namespace, named, where))
  const first = types.find(type => type.branch.kind !== 'null')
  return { nullable: types.some(type => type.nullable), branch: first?.branch ?? { kind: 'null' } }
}

function readRecord (json: Json, namespace: string, named: Map<string, Branch>, where: string): RecordType {
  const fields: FieldType[] = []
  const record: RecordType = { kind: 'record', name: String(json['name']).split('.').at(-1)!, fields }
  define(json, namespace, named, record)
  const inner = namespaceOf(json, namespace)
  if (!Array.isArray(json['fields'])) throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE(`the record '${record.name}' has no fields`, { where })
  for (const field of json['fields'] as Json[]) {
    const name = String(field['name'])
    fields.push({ name, type: read(field['type'], inner, named, `${record.name}.${name}`) })
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

/** The function that turns a plain value into a valid value of the type; what does not fit becomes null or a neutral value. */
export function castTo (type: Type): (value: Plain) => unknown {
  const cast = castBranch(type.branch)
  const neutral = type.nullable ? null : neutralOf(type.branch)
  return value => {
    if (value === null || value === undefined) return neutral
    const result = cast(value)
    return result === undefined ? neutral : result
  }
}

function castBranch (branch: Branch): (value: NonNullable<Plain>) => unknown {
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

function isNumeric (value: NonNullable<Plain>): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function finite (value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}

// The survey's times are Modified Julian Dates TAI: a field with a timestamp type takes the same instant in UTC.
function castLong (logical: string | undefined): (value: NonNullable<Plain>) => unknown {
  const perSecond = logical === 'timestamp-micros' ? 1e6 : logical === 'timestamp-millis' ? 1e3 : 0
  if (perSecond !== 0) {
    return value => typeof value === 'number' ? BigInt(Math.round(((value - EPOCH_MJD) * 86_400 - TAI_AHEAD_OF_UTC) * perSecond)) : typeof value === 'bigint' ? value : undefined
  }
  return value => typeof value === 'bigint' ? value : typeof value === 'number' && Number.isFinite(value) ? BigInt(Math.trunc(value)) : undefined
}

function neutralOf (branch: Branch): unknown {
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
    case 'record': {
      const record: Record<string, unknown> = {}
      for (const field of branch.fields) record[field.name] = field.type.nullable ? null : neutralOf(field.type.branch)
      return record
    }
  }
}
