// Builds the avsc type of a schema. avsc checks more than the Avro specification asks for, so it gets only what decoding and encoding need.
// Names that are not ASCII are escaped. A default that avsc does not accept is left out; defaultOf() encodes it if it is valid.
import { buildType, type AvscType } from './avsc-types.ts'
import { isRawNumber } from './schema-json.ts'
import type { FieldNode, NamedNode, SchemaNode } from './schema-tree.ts'
import { shapeOf, type FieldShape } from './type-shape.ts'

/** Throws avsc's errors if values of the schema cannot be decoded or encoded. */
export function typeOf (root: SchemaNode): AvscType {
  return buildType(avscSchema(root))
}

/** The encoded default value of a field. Undefined if the field has no default or an invalid one. */
export function defaultOf (field: FieldNode): Buffer | undefined {
  const value = shapeOfField(withDefaultFirst(field)).defaultValue()
  return value === undefined ? undefined : encodedValue(field.type, value)
}

/** Encodes a value. Throws avsc's errors if the value does not match the type. */
export function encodedValue (type: SchemaNode, value: unknown): Buffer {
  return shapeOfField({ name: 'value', type, aliases: [], default: undefined }).type.toBuffer(value)
}

function shapeOfField (field: FieldNode): FieldShape {
  // The name cannot be the name of a type of the schema, because avsc gets no names with a space.
  return shapeOf(buildType(avscSchema({ kind: 'record', name: 'one field', aliases: [], fields: [field] }))).fields[0]!
}

/**
 * If the type is a union, moves the branch of the default to its front, because avsc accepts only defaults of the first branch. The order
 * of the branches does not change how a value is represented.
 */
function withDefaultFirst (field: FieldNode): FieldNode {
  if (field.type.kind !== 'union') return field
  const { branches } = field.type
  const first = branches.filter(each => avscDefault(each, field.default) !== undefined).slice(0, 1)
  return { ...field, type: { kind: 'union', branches: [...first, ...branches.filter(each => each !== first[0])] } }
}

function avscSchema (root: SchemaNode): unknown {
  const defined = new Set<NamedNode>()

  function convert (node: SchemaNode): unknown {
    switch (node.kind) {
      case 'union': return node.branches.map(convert)
      case 'array': return { type: 'array', items: convert(node.items) }
      case 'map': return { type: 'map', values: convert(node.values) }
      case 'record':
      case 'enum':
      case 'fixed': {
        const name = safeFullName(node.name)
        if (defined.has(node)) return name
        defined.add(node)
        const named = { type: node.kind, name, aliases: node.aliases.map(alias => safeName(alias.slice(alias.lastIndexOf('.') + 1))) }
        if (node.kind === 'fixed') return { ...named, size: node.size }
        if (node.kind === 'record') return { ...named, fields: node.fields.map(field) }
        const fallback = avscDefault(node, node.default)
        return { ...named, symbols: node.symbols, ...fallback === undefined ? {} : { default: fallback } }
      }
      default: return node.kind
    }
  }

  function field (node: FieldNode): object {
    const value = avscDefault(node.type, node.default)
    const { name, type, aliases } = node
    const converted = { name: safeFieldName(name), type: convert(type), aliases: aliases.map(safeFieldName) }
    return value === undefined ? converted : { ...converted, default: value }
  }

  return convert(root)
}

/** The default in the form that avsc expects; undefined if there is no default or avsc does not accept it. */
function avscDefault (node: SchemaNode, json: unknown): unknown {
  switch (node.kind) {
    case 'null': return json === null ? null : undefined
    case 'boolean': return typeof json === 'boolean' ? json : undefined
    case 'int': return Number.isInteger(json) && (json as number | 0) === json ? json : undefined
    case 'long': return longOf(json)
    case 'float':
    case 'double': return floatOf(json)
    case 'string': return typeof json === 'string' ? json : undefined
    case 'bytes': return isBytes(json) ? json : undefined
    case 'fixed': return isBytes(json) && json.length === node.size ? json : undefined
    case 'enum': return typeof json === 'string' && node.symbols.includes(json) ? json : undefined
    case 'union': return node.branches[0] === undefined ? undefined : avscDefault(node.branches[0], json)
    case 'array': return Array.isArray(json) ? allOf(json.map(item => avscDefault(node.items, item))) : undefined
    case 'map': {
      if (!isObject(json)) return undefined
      const values = allOf(Object.values(json).map(item => avscDefault(node.values, item)))
      return values && Object.fromEntries(Object.keys(json).map((key, index) => [key, values[index]]))
    }
    case 'record': {
      if (!isObject(json)) return undefined
      const valueOf = ({ name, type, default: own }: FieldNode) => avscDefault(type, Object.hasOwn(json, name) ? json[name] : own)
      const values = allOf(node.fields.map(valueOf))
      return values && Object.fromEntries(node.fields.map(({ name }, index) => [safeFieldName(name), values[index]]))
    }
  }
}

function longOf (json: unknown): bigint | undefined {
  const value = isRawNumber(json) ? BigInt(json.rawJSON) : Number.isSafeInteger(json) ? BigInt(json as number) : undefined
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : undefined
}

function floatOf (json: unknown): number | undefined {
  if (typeof json === 'number') return json
  if (isRawNumber(json)) return Number(json.rawJSON)
  return json === 'NaN' || json === 'Infinity' || json === '-Infinity' ? Number(json) : undefined
}

function isBytes (json: unknown): json is string {
  return typeof json === 'string' && !/[^\0-\xff]/.test(json)
}

function isObject (json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function allOf (values: readonly unknown[]): readonly unknown[] | undefined {
  return values.includes(undefined) ? undefined : values
}

/** The leading dot tells avsc that a name without another dot has no namespace. */
function safeFullName (name: string): string {
  const safe = name.split('.').map(safeName).join('.')
  return safe.includes('.') ? safe : `.${safe}`
}

/**
 * Replaces the characters that avsc does not accept in names. avsc keeps types in plain objects, so it would find the names of inherited
 * properties, such as `constructor`, already taken.
 */
function safeName (name: string): string {
  const safe = name.replace(/^(?=[0-9])|[^A-Za-z0-9_]/gu, character => `_${character.codePointAt(0)?.toString(16) ?? ''}_`)
  return safe in Object.prototype ? `${safe}_` : safe
}

/** avsc assigns the fields of a record one by one, which works for all names but `__proto__`. */
function safeFieldName (name: string): string {
  return name in Object.prototype && name !== '__proto__' ? name : safeName(name)
}
