// Tells whether two texts are the same schema, by the Parsing Canonical Form (Avro specification, "Parsing Canonical Form for Schemas"):
// data written with one can be read with the other. Docs, defaults, aliases, logical types, key order, escapes and the place of
// namespaces do not count.
import { compactJson, parseExactly } from './schema-json.ts'
import { parseTree, type SchemaNode } from './schema-tree.ts'

/** The Parsing Canonical Form of a schema. */
function canonicalForm (root: SchemaNode): string {
  const defined = new Set<string>()

  function print (node: SchemaNode): string {
    switch (node.kind) {
      case 'union': return `[${node.branches.map(print).join()}]`
      case 'array': return `{"type":"array","items":${print(node.items)}}`
      case 'map': return `{"type":"map","values":${print(node.values)}}`
      case 'record':
      case 'enum':
      case 'fixed': {
        const name = JSON.stringify(node.name)
        if (defined.has(node.name)) return name
        defined.add(node.name)
        const type = `{"name":${name},"type":"${node.kind}"`
        if (node.kind === 'fixed') return `${type},"size":${node.size}}`
        if (node.kind === 'enum') return `${type},"symbols":${JSON.stringify(node.symbols)}}`
        const fields = node.fields.map(field => `{"name":${JSON.stringify(field.name)},"type":${print(field.type)}}`)
        return `${type},"fields":[${fields.join()}]}`
      }
      default: return `"${node.kind}"`
    }
  }

  return print(root)
}

/** The Parsing Canonical Form of the text of a schema. Throws Error if the text is not a schema. */
export function canonicalText (text: string): string {
  return canonicalForm(parseTree(parseExactly(compactJson(text))))
}

/** Whether two texts are spellings of the same schema. A text that is not a schema is the same only as an equal text. */
export function isSameSchema (one: string, other: string): boolean {
  if (one === other) return true
  try {
    const [a, b] = [one, other].map(text => {
      const form = canonicalText(text)
      // In a canonical form, a type without a namespace inside a type with one reads as if it had this namespace.
      return canonicalForm(parseTree(JSON.parse(form)))
    })
    return a === b
  } catch {
    return false
  }
}
