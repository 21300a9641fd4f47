// The schema of the google provider, as far as deploy/terraform uses it, read from the typed bindings that are generated from the provider.
// The stand-in provider knows this and nothing else: deploy/terraform/README.md says what it therefore cannot check.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A type that is missing here is refused as one that the provider does not have: add it. */
const resources = [
  'compute_address', 'compute_firewall', 'compute_network', 'compute_router', 'compute_router_nat', 'compute_subnetwork',
  'container_cluster', 'container_node_pool', 'dns_managed_zone', 'dns_record_set', 'gke_backup_backup_plan', 'project_iam_member',
  'project_service', 'service_account', 'service_account_iam_binding', 'storage_bucket', 'storage_bucket_iam_binding'
]

/** An argument, an attribute or a block (`fields`), as the stand-in reads it. */
export interface Field {
  readonly type: 'string' | 'number' | 'bool' | 'list' | 'set' | 'map'
  readonly of?: 'string' | 'number' | 'bool'
  readonly fields?: Fields
  readonly single?: boolean
  readonly required: boolean
  readonly optional: boolean
  readonly computed: boolean
}
export type Fields = Readonly<Record<string, Field>>

// How a getter asks for the value shows its type. A set is turned into a list on the way.
const types = { String: 'string', Number: 'number', Boolean: 'bool' } as const

/** The fields of each resource type in `lib`, the bindings' folder of that name. */
export async function googleSchema (lib: string, names: readonly string[] = resources): Promise<Record<string, Fields>> {
  return Object.fromEntries(await Promise.all(names.map(async name => {
    const folder = join(lib, name.replaceAll('_', '-'))
    const files = (await readdir(folder, { recursive: true })).filter(file => file.endsWith('.js'))
    const source = (await Promise.all(files.map(async file => await readFile(join(folder, file), 'utf8')))).join('\n')
    const bodies = [...source.matchAll(/^class (\w+) extends [\w.]+ \{\n(.*?)^\}/gms)]
    const classes = new Map(bodies.map(([, cls = '', body = '']) => [cls, body]))
    const sets = new Set([...source.matchAll(/type: "set",\s+storageClassType: "(\w+)List"/g)].map(([, cls = '']) => cls))
    const [resource = ''] = [...classes].find(([, body]) => body.includes(`terraformResourceType: 'google_${name}'`)) ?? []
    return [`google_${name}`, fieldsOf(resource, classes, sets)]
  })))
}

/** Throws where a property is written in a way that is not known: a guess would check nothing. */
function fieldsOf (cls: string, classes: ReadonlyMap<string, string>, sets: ReadonlySet<string>): Fields {
  const body = classes.get(cls)
  if (body === undefined) throw new Error(`the bindings have no class ${cls}`)
  const properties = body.split(/^ +\/\/ (?=\w+ - computed: )/m).slice(1)
  return Object.fromEntries(properties.map((text): [string, Field] => {
    const [, name = '', computed, optional, required] = /^(\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n/.exec(text) ?? []
    const flags = { computed: computed === 'true', optional: optional === 'true', required: required === 'true' }
    const [, kind = 'String', collection] = /this\.get(String|Number|Boolean)?(List|Map)?Attribute\('/.exec(text) ?? []
    const [, nested = '', isSet] = /new (?:\w+\.)?(\w+)\(this, "\w+"(?:, (\w+))?\)/.exec(text) ?? []
    const [, map] = /^(String|Number|Boolean)Map$/.exec(nested) ?? []
    const type = types[(map ?? kind) as keyof typeof types]
    if (map !== undefined || collection === 'Map') return [name, { type: 'map', of: type, ...flags }]
    if (nested !== '') {
      const block = nested.replace(/(List|OutputReference)$/, '')
      const fields = fieldsOf(`${block}OutputReference`, classes, sets)
      return [name, { type: isSet === 'true' || sets.has(block) ? 'set' : 'list', single: !nested.endsWith('List'), fields, ...flags }]
    }
    if (collection === 'List') return [name, { type: text.includes('Fn.tolist(') ? 'set' : 'list', of: type, ...flags }]
    if (text.includes('Attribute(')) return [name, { type, ...flags }]
    throw new Error(`${cls}.${name} is written in a way that is not known`)
  }))
}
