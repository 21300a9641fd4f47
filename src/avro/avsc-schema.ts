// Builds the avsc type of a schema. avsc checks more than the Avro specification asks for, so it gets only what decoding and encoding need.
// Names that are not ASCII are escaped. A default that avsc does not accept is left out; laterDefaultOf() returns it if it is valid.
import { buildType, type AvscType } from './avsc-types.ts'
import { isRawNumber } from './schema-json.ts'
import type { FieldNode, NamedNode, RecordNode, SchemaNode, UnionNode } from './schema-tree.ts'
import { shapeOf, type FieldShape } from './type-shape.ts'

/** The default values of fields whose default belongs to a later branch of a union. avsc accepts only defaults of the first branch. */
const laterDefaults = new WeakMap<FieldShape, () => unknown>()

/** Throws avsc's errors if values of the schema cannot be decoded or encoded. */
export function typeOf (root: SchemaNode): AvscType {
  const type = buildType(avscSchema(root))
  rememberDefaults(root, type, new Set())
  return type
}

/** If the default of the field belongs to a later branch of its union, returns the function that returns its value. */
export function laterDefaultOf (field: FieldShape): (() => unknown) | undefined {
  return laterDefaults.get(field)
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
        return { ...named, symbols: node.symbols.map(safeName), ...fallback === undefined ? {} : { default: fallback } }
      }
      default: return node.kind
    }
  }

  function field (node: FieldNode): object {
    const value = avscDefault(node.type, node.default)
    const { name, type, aliases } = node
    return { name: safeName(name), type: convert(type), aliases: aliases.map(safeName), ...value === undefined ? {} : { default: value } }
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
    case 'enum': return typeof json === 'string' && node.symbols.includes(json) ? safeName(json) : undefined
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
      return values && Object.fromEntries(node.fields.map(({ name }, index) => [safeName(name), values[index]]))
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

function rememberDefaults (node: SchemaNode, type: AvscType, seen: Set<RecordNode>): void {
  const shape = shapeOf(type)
  if (node.kind === 'array') rememberDefaults(node.items, shape.itemsType, seen)
  if (node.kind === 'map') rememberDefaults(node.values, shape.valuesType, seen)
  if (node.kind === 'union') node.branches.forEach((branch, index) => { rememberDefaults(branch, shape.types[index]!, seen) })
  if (node.kind !== 'record' || seen.has(node)) return
  seen.add(node)
  for (const [index, field] of node.fields.entries()) {
    const later = field.type.kind === 'union' ? laterDefault(field.type, field.default) : undefined
    if (later !== undefined) laterDefaults.set(shape.fields[index]!, later)
    rememberDefaults(field.type, shape.fields[index]!.type, seen)
  }
}

/** If the default belongs to a later branch of the union, returns a function that returns its value. */
function laterDefault ({ branches }: UnionNode, json: unknown): (() => unknown) | undefined {
  const branch = branches.findIndex(each => avscDefault(each, json) !== undefined)
  if (branch < 1) return undefined
  // avsc converts the default if its branch is the first one. The order of the branches does not change how a value is represented.
  const first = branches[branch]!
  const union: SchemaNode = { kind: 'union', branches: [first, ...branches.filter(each => each !== first)] }
  const fields = [{ name: 'value', type: union, aliases: [], default: json }]
  const field = shapeOf(buildType(avscSchema({ kind: 'record', name: 'default', aliases: [], fields }))).fields[0]!
  return () => field.defaultValue()
}

/** The leading dot tells avsc that a name without another dot has no namespace. */
function safeFullName (name: string): string {
  const safe = name.split('.').map(safeName).join('.')
  return safe.includes('.') ? safe : `.${safe}`
}

/** Replaces what avsc does not accept in names. It keeps names in plain objects, so it does not accept names such as `constructor`. */
function safeName (name: string): string {
  if (name in Object.prototype) return `${name}_`
  return name.replace(/^(?=[0-9])|[^A-Za-z0-9_]/gu, character => `_${character.codePointAt(0)?.toString(16) ?? ''}_`)
}
