// The structure of a schema: types and field names with all references resolved. Only what determines the binary encoding is checked, so a
// schema that Avro's own parsers accept is never rejected for its names, defaults, docs or unknown attributes.

const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const
type Primitive = typeof primitives[number]

/** Whether the name is that of a primitive type. */
export function isPrimitive (name: string): name is Primitive {
  return (primitives as readonly string[]).includes(name)
}

export interface FieldNode {
  readonly name: string
  readonly type: SchemaNode
  readonly aliases: readonly string[]
  /** The default value as in the JSON of the schema; undefined if the field has no default. */
  readonly default: unknown
}

export interface RecordNode {
  readonly kind: 'record'
  /** Name with namespace. */
  readonly name: string
  readonly aliases: readonly string[]
  readonly fields: readonly FieldNode[]
}

export interface EnumNode {
  readonly kind: 'enum'
  readonly name: string
  readonly aliases: readonly string[]
  readonly symbols: readonly string[]
  readonly default: unknown
}

interface FixedNode { readonly kind: 'fixed', readonly name: string, readonly aliases: readonly string[], readonly size: number }
export interface UnionNode { readonly kind: 'union', readonly branches: readonly SchemaNode[] }
export type NamedNode = RecordNode | EnumNode | FixedNode
/** Each reference to a named type is the node of its definition, so the nodes of a recursive type form a cycle. */
export type SchemaNode =
  | { readonly kind: Primitive } | NamedNode | UnionNode
  | { readonly kind: 'array', readonly items: SchemaNode } | { readonly kind: 'map', readonly values: SchemaNode }

/** Types may be nested this deep. The limit keeps recursive functions over a schema within the stack. */
const MAX_NESTING = 200

type Json = Readonly<Record<string, unknown>>

/**
 * @param json the parsed JSON of a self-contained schema
 * @throws Error if the text does not determine how data are encoded, for example because a type is not defined
 */
export function parseTree (json: unknown): SchemaNode {
  const named = new Map<string, NamedNode>()
  let nesting = 0

  function parse (node: unknown, namespace: string): SchemaNode {
    if (++nesting > MAX_NESTING) throw new Error(`types are nested more than ${MAX_NESTING} levels deep`)
    try {
      if (typeof node === 'string') return reference(node, namespace)
      if (Array.isArray(node)) return { kind: 'union', branches: node.map(branch => parse(branch, namespace)) }
      if (typeof node !== 'object' || node === null) throw new Error(`${JSON.stringify(node)} is not a type`)
      return complex(node as Json, namespace)
    } finally {
      nesting--
    }
  }

  function complex (node: Json, namespace: string): SchemaNode {
    switch (node['type']) {
      case 'array': return { kind: 'array', items: parse(node['items'], namespace) }
      case 'map': return { kind: 'map', values: parse(node['values'], namespace) }
      case 'record':
      case 'error': return record(node, namespace)
      case 'enum': {
        const symbols = listOf(node, 'symbols').map(symbol => textOf(symbol, 'a symbol'))
        return define({ kind: 'enum', ...namesOf(node, namespace), symbols, default: node['default'] })
      }
      case 'fixed': {
        const size = Number(node['size'])
        if (!Number.isSafeInteger(size) || size < 0) throw new Error(`${JSON.stringify(node['size'])} is not the size of a fixed type`)
        return define({ kind: 'fixed', ...namesOf(node, namespace), size })
      }
      // {"type": "long", "logicalType": ...} and {"type": {"type": "array", ...}} wrap another type.
      default: return parse(node['type'], namespace)
    }
  }

  function record (node: Json, enclosing: string): RecordNode {
    const fields: FieldNode[] = []
    const names = namesOf(node, enclosing)
    // The record is defined before its fields are read, because a field may refer to the record.
    const result = define({ kind: 'record', ...names, fields })
    const namespace = names.name.slice(0, Math.max(0, names.name.lastIndexOf('.')))
    for (const field of listOf(node, 'fields') as Json[]) {
      const name = textOf(field?.['name'], `a field name of ${names.name}`)
      const type = parse(field['type'], namespace)
      fields.push({ name, type, aliases: aliasesOf(field), default: field['default'] })
    }
    return result
  }

  function define<T extends NamedNode> (node: T): T {
    if (named.has(node.name)) throw new Error(`the type ${node.name} is defined twice`)
    named.set(node.name, node)
    return node
  }

  function reference (name: string, namespace: string): SchemaNode {
    if (isPrimitive(name)) return { kind: name }
    const found = named.get(fullName(name, namespace)) ?? named.get(name)
    if (found === undefined) throw new Error(`the type ${JSON.stringify(name)} is not defined`)
    return found
  }

  return parse(json, '')
}

/** Describes a type for error messages: `int`, `[null, int]`, `record diaSource`. */
export function describeType (node: SchemaNode): string {
  if (node.kind === 'union') return `[${node.branches.map(describeType).join(', ')}]`
  return 'name' in node ? `${node.kind} ${unqualified(node.name)}` : node.kind
}

/** Whether the unqualified name of the writer's type is the unqualified name or an alias of the reader's type. */
export function sameName (writer: NamedNode, reader: NamedNode): boolean {
  const name = unqualified(writer.name)
  return [reader.name, ...reader.aliases].some(candidate => unqualified(candidate) === name)
}

/** A full name without its namespace. */
export const unqualified = (name: string): string => name.slice(name.lastIndexOf('.') + 1)

/** The full name of a type whose name stands in a namespace. A name with a dot is already full. */
export function fullName (name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function namesOf (node: Json, enclosing: string): { readonly name: string, readonly aliases: readonly string[] } {
  const { namespace } = node
  const name = textOf(node['name'], `the name of the ${node['type']}`)
  return { name: fullName(name, typeof namespace === 'string' ? namespace : enclosing), aliases: aliasesOf(node) }
}

function aliasesOf (node: Json): string[] {
  const { aliases } = node
  return Array.isArray(aliases) ? aliases.filter(alias => typeof alias === 'string') : []
}

function listOf (node: Json, attribute: string): readonly unknown[] {
  const list = node[attribute]
  if (!Array.isArray(list)) throw new Error(`the ${node['type']} ${JSON.stringify(node['name'])} has no list of ${attribute}`)
  return list
}

function textOf (value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${what} is ${JSON.stringify(value)}, not a name`)
  return value
}
