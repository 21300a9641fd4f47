// Closes schemas as strict field validation of the API server does: an object that lists its properties takes no others, at every level.
// In: OpenAPI schemas of Kubernetes (swagger 2.0, and those of CRDs). Out: JSON schema, draft 7.

export type Schema = Readonly<Record<string, unknown>>

/** Keywords whose value is a schema by name each; a property may be called like a keyword. */
const named = new Set(['properties', 'definitions', 'patternProperties'])
/** Values, not schemas. */
const plain = new Set(['enum', 'required', 'default'])
const dropped = (keyword: string): boolean =>
  ['description', 'example', 'externalDocs', 'nullable'].includes(keyword) || keyword.startsWith('x-kubernetes-')

export function strict (schema: Schema): Schema {
  if (schema['x-kubernetes-int-or-string'] === true || schema.format === 'int-or-string') {
    return { oneOf: [{ type: 'string' }, { type: 'integer' }], ...(schema.pattern === undefined ? {} : { pattern: schema.pattern }) }
  }
  const out: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (dropped(keyword)) continue
    out[keyword] = named.has(keyword)
      ? Object.fromEntries(Object.entries(value as Record<string, Schema>).map(([name, each]) => [name, strict(each)]))
      : plain.has(keyword) ? value : inside(value)
  }
  if (schema.nullable === true && typeof out.type === 'string') out.type = [out.type, 'null']
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true
  if (open) out.additionalProperties = true
  else if (out.properties !== undefined && out.additionalProperties === undefined) {
    // A whole object inside another one carries what every object carries.
    if (schema['x-kubernetes-embedded-resource'] === true) out.properties = { apiVersion: {}, kind: {}, metadata: {}, ...out.properties }
    out.additionalProperties = false
  }
  return out
}

function inside (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inside)
  return typeof value === 'object' && value !== null ? strict(value as Schema) : value
}
