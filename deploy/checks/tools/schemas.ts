// The JSON schemas of kubeconform, from Kubernetes' API description and from CustomResourceDefinitions, and the CRDs of Strimzi, which no
// package contains. An object that lists its properties takes no others, as with the API server's strict validation.
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { copyJars } from '../../../src/devstack/maven.ts'
import { requireMaven } from '../../../src/devstack/prerequisites.ts'
import type { Recipe } from './recipes.ts'

type Schema = Readonly<Record<string, unknown>>
type Definitions = Readonly<Record<string, Schema>>
interface Kind { readonly group: string, readonly version: string, readonly kind: string }

/** Tools that hold CRDs, and the folder of the CRDs in each. */
export const crdFolders: Readonly<Record<string, string>> = {
  'strimzi-crds': '.',
  'cert-manager-crds': 'deploy/crds',
  'prometheus-operator-crds': 'example/prometheus-operator-crd',
  'keda-crds': 'config/crd/bases',
  'argo-cd-crds': 'manifests/crds'
}
const META = 'object-meta.json'

export function schemas (pins: readonly string[], needs: readonly string[]): Recipe {
  return {
    title: 'Schemas of Kubernetes and of the operators',
    pins: [...pins, readFileSync(import.meta.filename, 'utf8')],
    path: '.',
    needs,
    fetch: async (into, { path }) => {
      const text = await readFile(join(path('kubernetes'), 'api/openapi-spec/swagger.json'), 'utf8')
      await coreSchemas(into, (JSON.parse(text) as { readonly definitions: Definitions }).definitions)
      for (const [tool, folder] of Object.entries(crdFolders)) await crdSchemas(into, join(path(tool), folder), join(into, META))
    }
  }
}

/** Strimzi's CRDs, generated from its Java classes as its own build does. */
export function strimziCrds (version: string, jars: string): Recipe {
  const kinds = ['kafka.Kafka', 'topic.KafkaTopic', 'user.KafkaUser', 'nodepool.KafkaNodePool', 'rebalance.KafkaRebalance']
  return {
    title: `CRDs and Kafka versions of Strimzi ${version}`,
    pins: [version, jars, ...kinds],
    path: '.',
    needs: ['java'],
    fetch: async (into, { env, run, path }) => {
      const work = join(into, 'work')
      await mkdir(work)
      const mvn = await requireMaven(env)
      await copyJars(async (args, cwd) => { await run(mvn, args, cwd) }, work, {
        title: `Strimzi ${version}`,
        artifacts: ['crd-generator', 'api'].map(name => `io.strimzi:${name}:${version}`),
        pinned: jars
      })
      const files = kinds.map(kind => `io.strimzi.api.kafka.model.${kind}=${join(into, `${kind.split('.')[1]?.toLowerCase()}.yaml`)}`)
      await run(path('java'), ['-cp', join(work, '*'), 'io.strimzi.crdgenerator.CrdGenerator', '--target-kube', '1.16+',
        '--crd-api-version', 'v1', '--yaml', ...files], into)
      await rm(work, { recursive: true })
    }
  }
}

async function coreSchemas (into: string, open: Definitions): Promise<void> {
  const closed: Definitions = {
    ...Object.fromEntries(Object.entries(open).map(([name, each]) => [name, strict(each)])),
    // Swagger 2.0 cannot describe these two.
    'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: ['string', 'number'] },
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: ['string', 'integer'] }
  }
  const complete = (name: string, schema: Schema | undefined): Schema => ({ ...schema, definitions: used(closed, name) })
  const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
  await writeFile(join(into, META), JSON.stringify(complete(meta, closed[meta])))
  for (const [name, { 'x-kubernetes-group-version-kind': kinds }] of Object.entries(open)) {
    const [kind, ...others] = kinds as readonly Kind[] | undefined ?? []
    if (kind !== undefined && others.length === 0) await write(into, kind, complete(name, closed[name]))
  }
}

interface Definition {
  readonly kind?: string
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string }
    readonly versions: ReadonlyArray<{ readonly name: string, readonly served?: boolean,
      readonly schema: { readonly openAPIV3Schema: Schema } }>
  }
}

/** Writes the schemas of the CRDs in a folder. `meta`: the schema of ObjectMeta, which `schemas` wrote. */
export async function crdSchemas (into: string, folder: string, meta: string): Promise<void> {
  const { definitions, ...metadata } = JSON.parse(await readFile(meta, 'utf8')) as Schema
  for (const name of (await readdir(folder)).filter(name => /\.ya?ml$/.test(name))) {
    for (const document of parseAllDocuments(await readFile(join(folder, name), 'utf8'))) {
      const { kind, spec } = (document.toJS() ?? {}) as Definition
      if (kind !== 'CustomResourceDefinition') continue
      for (const version of spec.versions.filter(({ served }) => served === true)) {
        const closed = strict(version.schema.openAPIV3Schema) as { readonly properties?: Schema }
        const properties = { status: {}, ...closed.properties, metadata }
        await write(into, { group: spec.group, version: version.name, kind: spec.names.kind },
          { ...closed, properties, additionalProperties: false, definitions })
      }
    }
  }
}

async function write (into: string, { group, version, kind }: Kind, schema: Schema): Promise<void> {
  const path = join(into, group === '' ? 'core' : group, `${kind.toLowerCase()}_${version}.json`)
  const properties = { ...schema.properties as Schema, apiVersion: { enum: [group === '' ? version : `${group}/${version}`] },
    kind: { enum: [kind] } }
  const required = [...new Set([...schema.required as string[] | undefined ?? [], 'apiVersion', 'kind'])]
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, JSON.stringify({ ...schema, properties, required }))
}

/** Options of kubeconform for folders of schemas. The first folder that has a kind decides. */
export function schemaLocations (folders: readonly string[]): string[] {
  // kubeconform's name of the core group is empty.
  return folders.flatMap(folder => ['{{.Group}}', 'core'].flatMap(group =>
    ['-schema-location', `${folder}/${group}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`]))
}

function used (closed: Definitions, name: string, found: Record<string, Schema> = {}): Definitions {
  for (const [, next = ''] of JSON.stringify(closed[name] ?? {}).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    if (found[next] !== undefined) continue
    found[next] = closed[next] ?? {}
    used(closed, next, found)
  }
  return found
}

const keptWhole = new Set(['enum', 'required', 'default'])
const byName = new Set(['properties', 'definitions', 'patternProperties'])

/** Closes an OpenAPI schema at every level and makes it a JSON schema. */
export function strict (schema: Schema): Schema {
  if (schema['x-kubernetes-int-or-string'] === true || schema.format === 'int-or-string') return { type: ['string', 'integer'] }
  const out: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword.startsWith('x-') || ['description', 'nullable'].includes(keyword)) continue
    if (byName.has(keyword)) out[keyword] = Object.fromEntries(
      Object.entries(value as Definitions).map(([name, each]) => [name, strict(each)]))
    else out[keyword] = keptWhole.has(keyword) ? value : inside(value)
  }
  if (schema.nullable === true && typeof out.type === 'string') out.type = [out.type, 'null']
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return { ...out, additionalProperties: true }
  if (out.properties === undefined || out.additionalProperties !== undefined) return out
  const own = schema['x-kubernetes-embedded-resource'] === true ? { apiVersion: {}, kind: {}, metadata: {} } : {}
  return { ...out, properties: { ...own, ...out.properties }, additionalProperties: false }
}

function inside (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inside)
  return typeof value === 'object' && value !== null ? strict(value as Schema) : value
}
