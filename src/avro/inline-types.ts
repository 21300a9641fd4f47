// Combines Avro schema files into one self-contained schema: each named type is defined at its first use and referenced by its full name
// afterwards.
import { packageErrors } from './errors.ts'
import { fullName, isPrimitive } from './schema-tree.ts'

export interface SchemaFile {
  /** Name with namespace, such as `lsst.v7_4.diaSource`. */
  readonly fullName: string
  readonly schema: object
}

type Json = Readonly<Record<string, unknown>>

interface Definition {
  readonly schema: Json
  /** Namespace in which the definition stands. */
  readonly enclosing: string
}

const namedTypes = new Set<unknown>(['record', 'error', 'enum', 'fixed'])

/** The self-contained schema of `root` as JSON without whitespace. Error: PACKAGE_INVALID, which lists all undefined types. */
export function inlineTypes (files: readonly SchemaFile[], root: SchemaFile, where: string): string {
  const known = definitions(files)
  const emitted = new Map<string, Json>()
  const missing = new Set<string>()

  function reference (name: string, namespace: string): unknown {
    if (isPrimitive(name)) return name
    const full = fullName(name, namespace)
    const found = [full, name].find(candidate => emitted.has(candidate) || known.has(candidate))
    if (found === undefined) {
      missing.add(full)
      return name
    }
    if (emitted.has(found)) return found
    const { schema, enclosing } = known.get(found)!
    const definition = visit(schema, enclosing) as Json
    // Elsewhere, the type would not inherit the namespace in which it was defined.
    return enclosing === '' ? definition : { ...definition, namespace: namesOf(schema, enclosing).namespace }
  }

  function visit (node: unknown, namespace: string): unknown {
    if (typeof node === 'string') return reference(node, namespace)
    if (Array.isArray(node)) return node.map(branch => visit(branch, namespace))
    const schema = node as Json
    const { type } = schema
    if (type === 'array') return { ...schema, items: visit(schema['items'], namespace) }
    if (type === 'map') return { ...schema, values: visit(schema['values'], namespace) }
    if (!namedTypes.has(type)) {
      // {"type": {"type": "array", ...}} and {"type": "long", "logicalType": ...} wrap a type instead of defining one.
      if (typeof type !== 'string') return { ...schema, type: visit(type, namespace) }
      return isPrimitive(type) ? schema : reference(type, namespace)
    }
    const { full, namespace: inner } = namesOf(schema, namespace)
    // A type that is defined inside another type may have been needed, and defined, before that type.
    if (emitted.get(full) === schema) return full
    emitted.set(full, schema)
    if (!Array.isArray(schema['fields'])) return schema
    return { ...schema, fields: (schema['fields'] as Json[]).map(field => ({ ...field, type: visit(field['type'], inner) })) }
  }

  const combined = visit(root.schema, '')
  if (missing.size > 0) {
    const names = [...missing].join(', ')
    throw packageErrors.PACKAGE_INVALID(`${root.fullName} uses types that no file of the package defines: ${names}`, { where })
  }
  return JSON.stringify(combined)
}

/** The named types that the files define, by full name: first the types of the files, then the types inside them. */
function definitions (files: readonly SchemaFile[]): Map<string, Definition> {
  const found = new Map<string, Definition>()
  const add = (full: string, definition: Definition): void => { if (!found.has(full)) found.set(full, definition) }
  const collect = (node: unknown, enclosing: string): void => {
    if (Array.isArray(node)) for (const branch of node) collect(branch, enclosing)
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return
    const schema = node as Json
    if (!namedTypes.has(schema['type'])) return collect(schema['items'] ?? schema['values'] ?? schema['type'], enclosing)
    const { full, namespace } = namesOf(schema, enclosing)
    add(full, { schema, enclosing })
    if (Array.isArray(schema['fields'])) for (const field of schema['fields'] as Json[]) collect(field['type'], namespace)
  }
  for (const file of files) add(file.fullName, { schema: file.schema as Json, enclosing: '' })
  for (const file of files) collect(file.schema, '')
  return found
}

/** The full name of a named type, and the namespace of the names inside the type. */
function namesOf (schema: Json, enclosing: string): { readonly full: string, readonly namespace: string } {
  const name = String(schema['name'])
  const prefix = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : enclosing
  const namespace = typeof schema['namespace'] === 'string' && !name.includes('.') ? schema['namespace'] : prefix
  return { full: fullName(name, namespace), namespace }
}
