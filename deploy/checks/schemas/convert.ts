// Kubernetes' own API description and CustomResourceDefinitions -> one strict JSON schema for each kind and version, as kubeconform reads
// them.
import { strict, type Schema } from './strict.ts'

/** The schema of one kind in one version. */
export interface KindSchema {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly schema: Schema
}

interface GroupVersionKind { readonly group: string, readonly version: string, readonly kind: string }

const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity'
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString'
const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

/** Every kind of Kubernetes' `api/openapi-spec/swagger.json`. */
export function coreSchemas (swagger: { readonly definitions: Readonly<Record<string, Schema>> }): KindSchema[] {
  const closed = closedDefinitions(swagger)
  return Object.entries(swagger.definitions).flatMap(([name, definition]) => {
    const kinds = definition['x-kubernetes-group-version-kind'] as readonly GroupVersionKind[] | undefined ?? []
    // DeleteOptions and the like are of every group: nothing that anybody writes down.
    if (kinds.length !== 1) return []
    return kinds.map(({ group, version, kind }) => {
      const { required = [], properties = {}, ...rest } = closed[name] as {
        readonly required?: readonly string[]
        readonly properties?: Record<string, Schema>
      }
      const apiVersion = group === '' ? version : `${group}/${version}`
      const schema = {
        ...rest,
        properties: { ...properties, apiVersion: { enum: [apiVersion] }, kind: { enum: [kind] } },
        required: [...new Set([...required, 'apiVersion', 'kind'])].sort(),
        definitions: usedBy(closed, name)
      }
      return { group, version, kind, schema }
    })
  })
}

/** The metadata of any object, for kinds that leave it open. */
export function objectMeta (swagger: { readonly definitions: Readonly<Record<string, Schema>> }): Schema {
  const closed = closedDefinitions(swagger)
  return { ...closed[OBJECT_META], definitions: usedBy(closed, OBJECT_META) }
}

interface Definition {
  readonly kind?: string
  readonly spec?: {
    readonly group: string
    readonly names: { readonly kind: string }
    readonly versions: ReadonlyArray<
      { readonly name: string, readonly served?: boolean, readonly schema: { readonly openAPIV3Schema: Schema } }
    >
  }
}

/** Every served version of a CustomResourceDefinition; none for any other object. */
export function crdSchemas (definition: unknown, meta: Schema = { type: 'object' }): KindSchema[] {
  const { kind, spec } = (definition ?? {}) as Definition
  if (kind !== 'CustomResourceDefinition' || spec === undefined) return []
  const { definitions, ...metadata } = meta
  return spec.versions.filter(({ served }) => served === true).map(({ name, schema: { openAPIV3Schema } }) => {
    const closed = strict(openAPIV3Schema) as { readonly properties?: Record<string, Schema>, readonly required?: readonly string[] }
    const schema = {
      ...closed,
      properties: {
        status: {},
        ...closed.properties,
        apiVersion: { enum: [`${spec.group}/${name}`] },
        kind: { enum: [spec.names.kind] },
        metadata
      },
      required: [...new Set([...closed.required ?? [], 'apiVersion', 'kind', 'metadata'])].sort(),
      additionalProperties: false,
      ...(definitions === undefined ? {} : { definitions })
    }
    return { group: spec.group, version: name, kind: spec.names.kind, schema }
  })
}

/** Where kubeconform looks for it below the folder: see `locations`. */
export function schemaPath ({ group, version, kind }: Pick<KindSchema, 'group' | 'version' | 'kind'>): string {
  return `${group === '' ? 'core' : group}/${kind.toLowerCase()}_${version}.json`
}

/** kubeconform's options for folders of schemas; the first that has a kind decides. */
export function locations (folders: readonly string[]): string[] {
  // kubeconform's name for the core group is the empty one.
  return folders.flatMap(folder =>
    ['{{.Group}}', 'core'].flatMap(group => ['-schema-location', `${folder}/${group}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`])
  )
}

function closedDefinitions ({ definitions }: { readonly definitions: Readonly<Record<string, Schema>> }): Readonly<Record<string, Schema>> {
  return {
    ...Object.fromEntries(Object.entries(definitions).map(([name, each]) => [name, strict(each)])),
    // Swagger 2.0 cannot say what they are.
    [QUANTITY]: { oneOf: [{ type: 'string' }, { type: 'number' }] },
    [INT_OR_STRING]: { oneOf: [{ type: 'string' }, { type: 'integer' }] }
  }
}

function usedBy (closed: Readonly<Record<string, Schema>>, name: string): Record<string, Schema> {
  const used: Record<string, Schema> = {}
  const visit = (from: string): void => {
    for (const [, next = ''] of JSON.stringify(closed[from]).matchAll(/"#\/definitions\/([^"]+)"/g)) {
      if (used[next] !== undefined) continue
      used[next] = closed[next] ?? {}
      visit(next)
    }
  }
  visit(name)
  return used
}
