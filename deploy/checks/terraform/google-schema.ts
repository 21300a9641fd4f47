// The schema of some resource types of the google provider, read from the typed bindings that are generated from the provider.
// The stand-in provider knows this and nothing else: deploy/terraform/README.md says what it therefore cannot check.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Arguments, attributes and blocks by name, as main.go of the stand-in reads them. */
type Fields = Readonly<Record<string, Readonly<Record<string, unknown>>>>

// How a getter asks for the value shows its type. A set is turned into a list on the way.
const types = { String: 'string', Number: 'number', Boolean: 'bool' } as const

/** The fields of each resource type (`compute_address`) in `lib`, the bindings' folder of that name. Throws if there is no such type. */
export async function googleSchema (lib: string, names: readonly string[]): Promise<Record<string, Fields>> {
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
  return Object.fromEntries(properties.map((text): [string, Fields[string]] => {
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
