// Resolves the references of a registered schema: types that are defined in other schemas of the registry. The result is one self-contained
// schema, which can be archived and read without the registry.
import { inlineTypes, type SchemaFile } from './inline-types.ts'
import { compactJson, parseExactly } from './schema-json.ts'
import { fullName } from './schema-tree.ts'

/** A schema as the registry returns it. */
export interface ReferringSchema {
  readonly text: string
  readonly references: readonly SchemaReference[]
}

interface SchemaReference {
  readonly subject: string
  readonly version: number
}

/** The references in the registry's response about a schema. Elements that are not references are dropped. */
export function referencesIn (list: unknown): SchemaReference[] {
  if (!Array.isArray(list)) return []
  return (list as Array<Partial<SchemaReference> | null>).flatMap(each =>
    typeof each?.subject === 'string' && typeof each.version === 'number' ? [{ subject: each.subject, version: each.version }] : [])
}

/**
 * Returns the text unchanged if the schema has no references, otherwise the self-contained schema as JSON without whitespace.
 * @param load fetches a version of a subject
 * @throws the errors of `load`; PACKAGE_INVALID if a type is defined nowhere; SyntaxError, Error if a text is not a schema
 */
export async function selfContained (
  schema: ReferringSchema, where: string, load: (subject: string, version: number) => Promise<ReferringSchema>
): Promise<string> {
  if (schema.references.length === 0) return schema.text
  const files: SchemaFile[] = []
  const seen = new Set<string>()
  const collect = async ({ references }: ReferringSchema): Promise<void> => {
    for (const { subject, version } of references) {
      const key = JSON.stringify([subject, version])
      if (seen.has(key)) continue
      seen.add(key)
      const referenced = await load(subject, version)
      files.push(fileOf(referenced.text))
      await collect(referenced)
    }
  }
  await collect(schema)
  return inlineTypes(files, fileOf(schema.text), where)
}

function fileOf (text: string): SchemaFile {
  const schema = parseExactly(compactJson(text)) as { readonly name?: unknown, readonly namespace?: unknown } | null
  if (typeof schema !== 'object' || schema === null || typeof schema.name !== 'string') throw new Error('a schema defines no named type')
  return { fullName: fullName(schema.name, typeof schema.namespace === 'string' ? schema.namespace : ''), schema }
}
