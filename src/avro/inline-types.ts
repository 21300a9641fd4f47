// Combines Avro schema files into one self-contained schema: each named type is defined at its first use and referenced by its full name
// afterwards.
import { packageErrors } from './errors.ts'

export interface SchemaFile {
  /** Name with namespace, such as `lsst.v7_4.diaSource`. */
  readonly fullName: string
  readonly schema: object
}

const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])
const containers = new Set(['record', 'error', 'enum', 'fixed', 'array', 'map'])

/** The self-contained schema of `root` as JSON without whitespace. Error: PACKAGE_INVALID, which lists all undefined types. */
export function inlineTypes (files: readonly SchemaFile[], root: SchemaFile, where: string): string {
  const byName = new Map(files.map(file => [file.fullName, file]))
  const defined = new Set<string>()
  const missing = new Set<string>()

  function reference (name: string, namespace: string): unknown {
    if (primitives.has(name)) return name
    const full = name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
    const found = [full, name].find(candidate => defined.has(candidate) || byName.has(candidate))
    if (found === undefined) {
      missing.add(full)
      return name
    }
    return defined.has(found) ? found : visit(byName.get(found)!.schema, '')
  }

  function visit (node: unknown, namespace: string): unknown {
    if (typeof node === 'string') return reference(node, namespace)
    if (Array.isArray(node)) return node.map(branch => visit(branch, namespace))
    const schema = node as Record<string, unknown>
    const { type } = schema
    // {"type": {"type": "array", ...}} and {"type": "long", "logicalType": ...} wrap a type instead of defining one.
    if (typeof type !== 'string') return { ...schema, type: visit(type, namespace) }
    if (!containers.has(type)) return primitives.has(type) ? schema : reference(type, namespace)
    if (type === 'array') return { ...schema, items: visit(schema['items'], namespace) }
    if (type === 'map') return { ...schema, values: visit(schema['values'], namespace) }
    const name = String(schema['name'])
    const prefix = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : namespace
    const scope = typeof schema['namespace'] === 'string' ? schema['namespace'] : prefix
    defined.add(name.includes('.') || scope === '' ? name : `${scope}.${name}`)
    if (type !== 'record' && type !== 'error') return schema
    const fields = schema['fields'] as Array<Record<string, unknown>>
    return { ...schema, fields: fields.map(field => ({ ...field, type: visit(field['type'], scope) })) }
  }

  const combined = visit(root.schema, '')
  if (missing.size > 0) {
    const names = [...missing].join(', ')
    throw packageErrors.PACKAGE_INVALID(`${root.fullName} uses types that no file of the package defines: ${names}`, { where })
  }
  return JSON.stringify(combined)
}
