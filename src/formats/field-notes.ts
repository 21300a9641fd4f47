// Units and descriptions of the fields of a schema. They come from the docs of the archived schema. If it has none, because the registry
// holds canonical forms, they come from the published schema of the same version. Units that no doc states come from the table of units.
import { unqualified } from '../avro/schema-tree.ts'
import type { AlertSchema } from '../avro/schema.ts'
import { unitInDoc, unitOf } from './units.ts'

interface FieldNote {
  readonly unit: string | undefined
  readonly description: string | undefined
}

/** The note of a field, by the unqualified name of its record. */
export type FieldNotes = (record: string, field: string) => FieldNote

const known = new WeakMap<AlertSchema, ReadonlyMap<string, string>>()

/** `published`: the schema of the same version in the survey's schema package, if there is one. */
export function fieldNotes (schema: AlertSchema, published: AlertSchema | undefined): FieldNotes {
  const docs = docsOf(schema)
  const more = docs.size > 0 || published === undefined ? docs : docsOf(published)
  return (record, field) => {
    const description = more.get(`${record}.${field}`)
    return { description, unit: (description === undefined ? undefined : unitInDoc(description)) ?? unitOf(record, field) }
  }
}

/** The docs of a schema by record and field. */
function docsOf (schema: AlertSchema): ReadonlyMap<string, string> {
  let docs = known.get(schema)
  if (docs === undefined) known.set(schema, docs = collect(schema.text))
  return docs
}

interface Json {
  readonly type?: unknown
  readonly name?: unknown
  readonly fields?: unknown
  readonly items?: unknown
  readonly values?: unknown
  readonly doc?: unknown
}

function collect (text: string): ReadonlyMap<string, string> {
  const docs = new Map<string, string>()

  function visit (node: unknown): void {
    if (Array.isArray(node)) node.forEach(visit)
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return
    const { type, name, fields, items, values } = node as Json
    for (const inner of [type, items, values]) visit(inner)
    if (!Array.isArray(fields)) return
    const record = unqualified(String(name))
    for (const field of fields as Json[]) {
      if (typeof field.doc === 'string' && field.doc !== '') docs.set(`${record}.${String(field.name)}`, field.doc)
      visit(field.type)
    }
  }

  visit(JSON.parse(text))
  return docs
}
