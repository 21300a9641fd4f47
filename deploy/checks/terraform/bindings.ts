// Reads the schema of a Terraform provider out of the typed bindings that are generated from it (CDK for Terraform, CDK Terrain): names and
// types of arguments, which must be given, which are the provider's to set, and nested blocks. The bindings do not carry defaults, what
// conflicts with what, lists of allowed values, and whether a block of one is a list or a set: nothing here knows them.

/**
 * Notation of types as in `terraform providers schema -json`: `"string"`, `["list", "string"]`, `["object", {...}]`; a variable's may name
 * optional fields.
 */
export type TypeNotation = string | readonly [kind: 'list' | 'set' | 'map', of: TypeNotation] |
  readonly [kind: 'object', of: Readonly<Record<string, TypeNotation>>, optional?: readonly string[]]

export interface AttributeSchema {
  readonly type: TypeNotation
  readonly required?: true
  readonly optional?: true
  readonly computed?: true
}

export interface BlockTypeSchema {
  readonly nesting_mode: 'single' | 'list' | 'set'
  readonly min_items?: number
  readonly max_items?: number
  readonly block: BlockSchema
}

export interface BlockSchema {
  readonly attributes: Readonly<Record<string, AttributeSchema>>
  readonly block_types: Readonly<Record<string, BlockTypeSchema>>
}

/** What one file of the bindings describes. */
export interface Bound {
  /** `google_storage_bucket`, or the provider's own name. */
  readonly type: string
  readonly providerVersion: string
  readonly block: BlockSchema
}

type Classes = ReadonlyMap<string, string>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

// How a getter asks for the value tells its type. A set is turned into a list on the way.
const getters: ReadonlyArray<readonly [RegExp, TypeNotation]> = [
  [/Fn\.tolist\(this\.getListAttribute\('(\w+)'\)\)/, ['set', 'string']],
  [/Fn\.tolist\(this\.getNumberListAttribute\('(\w+)'\)\)/, ['set', 'number']],
  [/this\.getListAttribute\('(\w+)'\)/, ['list', 'string']],
  [/this\.getNumberListAttribute\('(\w+)'\)/, ['list', 'number']],
  [/this\.getStringMapAttribute\('(\w+)'\)/, ['map', 'string']],
  [/this\.getBooleanMapAttribute\('(\w+)'\)/, ['map', 'bool']],
  [/this\.getNumberMapAttribute\('(\w+)'\)/, ['map', 'number']],
  [/this\.getStringAttribute\('(\w+)'\)/, 'string'],
  [/this\.getNumberAttribute\('(\w+)'\)/, 'number'],
  [/this\.getBooleanAttribute\('(\w+)'\)/, 'bool'],
  [/this\.interpolationForAttribute\('(\w+)'\)/, 'dynamic']
]

/**
 * The schema in the JavaScript of one resource, data source or provider; `structs` is that of the classes that it keeps in other files.
 * Throws where a getter is written in a way that is not known: a guess would check nothing.
 */
export function readBindings (source: string, structs: readonly string[] = []): Bound {
  const type = /^\s*(?:static tfResourceType = |\w+\.tfResourceType = )"(\w+)";/m.exec(source)?.[1]
  const providerVersion = /providerVersion: '([^']+)'/.exec(source)?.[1]
  if (type === undefined || providerVersion === undefined)
    throw new Error('these are no bindings of a resource: they name no type or no version of the provider')
  const classes = classesOf([source, ...structs].join('\n'))
  const name = [...classes].find(([, body]) => body.includes(`terraformResourceType: '${type}'`))?.[0]
  if (name === undefined) throw new Error(`the bindings of ${type} have no class of it`)
  const body = classes.get(name) ?? ''
  // A provider's configuration cannot be read back, so it has no getters that tell types.
  const block = type.includes('_') ? blockOf(name, classes) : configurationOf(body)
  return { type, providerVersion, block }
}

function classesOf (source: string): Classes {
  const found = new Map<string, string>()
  for (const [, name = '', body = ''] of source.matchAll(/^class (\w+) extends [\w.]+ \{\n(.*?)^\}/gms)) found.set(name, body)
  return found
}

function blockOf (name: string, classes: Classes): BlockSchema {
  const body = classes.get(name)
  if (body === undefined) throw new Error(`the bindings have no class ${name}`)
  const attributes: Record<string, AttributeSchema> = {}
  const blocks: Record<string, BlockTypeSchema> = {}
  const flags = flagsOf(body)
  const nested = nestedOf(body)
  for (const [, property = '', getter = ''] of body.matchAll(/^ {4}get (\w+)\(\) \{\n(.*?)^ {4}\}/gms)) {
    if (property === 'internalValue' || (property.endsWith('Input') && getter.includes('return this._'))) continue
    const capital = property[0]?.toUpperCase() + property.slice(1)
    const settable = new RegExp(`^ {4}(?:set ${property}|put${capital})\\(`, 'm').test(body)
    const optional = new RegExp(`^ {4}reset${capital}\\(\\)`, 'm').test(body)
    const inner = nested.get(property)
    if (inner === undefined) {
      const [attribute, type] = typeOf(getter) ?? fail(`${name}.${property} is written in a way that is not known: ${getter.trim()}`)
      attributes[attribute] = { type, ...flags.get(property) ?? guessed(attribute, settable, optional) }
    } else if (inner.map !== undefined) {
      attributes[inner.attribute] = { type: ['map', inner.map], computed: true }
    } else if (!settable) {
      attributes[inner.attribute] = { type: [inner.set ? 'set' : 'list', objectOf(blockOf(inner.reference, classes))], computed: true }
    } else {
      const timeouts = inner.attribute === 'timeouts'
      blocks[inner.attribute] = {
        nesting_mode: timeouts ? 'single' : inner.set ? 'set' : 'list',
        ...inner.many || timeouts ? {} : { max_items: 1 },
        ...optional ? {} : { min_items: 1 },
        block: blockOf(inner.reference, classes)
      }
    }
  }
  return { attributes, block_types: blocks }
}

function typeOf (getter: string): readonly [attribute: string, type: TypeNotation] | undefined {
  for (const [pattern, type] of getters) {
    const attribute = pattern.exec(getter)?.[1]
    if (attribute !== undefined) return [attribute, type]
  }
  return undefined
}

type Flags = Omit<AttributeSchema, 'type'>

// Newer bindings keep the provider's own flags in comments.
function flagsOf (body: string): ReadonlyMap<string, Flags> {
  const found = new Map<string, Flags>()
  const comments = /\/\/ \w+ - computed: (\w+), optional: (\w+), required: (\w+)\n\s+_(\w+)(?:;| =)/g
  for (const [, computed, optional, required, property = ''] of body.matchAll(comments)) {
    const flags: Mutable<Flags> = {}
    if (computed === 'true') flags.computed = true
    if (optional === 'true') flags.optional = true
    if (required === 'true') flags.required = true
    found.set(property, flags)
  }
  return found
}

// Older ones only show what can be set, and what can be unset again. What the provider fills in where it is not given looks the same as
// what it leaves empty; of these two it is sure, as they are the same everywhere.
function guessed (attribute: string, settable: boolean, optional: boolean): Flags {
  if (!settable) return { computed: true }
  if (!optional) return { required: true }
  return attribute === 'id' || attribute === 'project' ? { optional: true, computed: true } : { optional: true }
}

interface Nested {
  readonly attribute: string
  /** Class of one of them. */
  readonly reference: string
  readonly many: boolean
  readonly set: boolean
  readonly map: 'string' | 'bool' | 'number' | undefined
}

function nestedOf (body: string): ReadonlyMap<string, Nested> {
  const found = new Map<string, Nested>()
  for (
    const [, property = '', cls = '', attribute = '', wraps] of body.matchAll(
      /^\s*(?:this\.)?_(\w+) = new (?:\w+\.)?(\w+)\(this, "(\w+)"(?:, (true|false))?\);/gm
    )
  ) {
    const many = cls.endsWith('List')
    const map = ({ StringMap: 'string', BooleanMap: 'bool', NumberMap: 'number' } as const)[cls]
    found.set(property, {
      attribute,
      reference: many ? `${cls.slice(0, -'List'.length)}OutputReference` : cls,
      many,
      set: wraps === 'true',
      map
    })
  }
  return found
}

function objectOf ({ attributes, block_types: blocks }: BlockSchema): TypeNotation {
  const fields: Record<string, TypeNotation> = {}
  for (const [name, { type }] of Object.entries(attributes)) fields[name] = type
  for (const [name, { nesting_mode: mode, block }] of Object.entries(blocks))
    fields[name] = mode === 'single' ?
      objectOf(block) :
      [mode, objectOf(block)]
  return ['object', fields]
}

function configurationOf (body: string): BlockSchema {
  const attributes: Record<string, AttributeSchema> = {}
  const synthesized = /^ {4}synthesizeAttributes\(\) \{(.*?)^ {4}\}/ms.exec(body)?.[1] ?? ''
  for (const [, name = '', conversion = ''] of synthesized.matchAll(/^ {12}(\w+): (.*?),?$/gm)) {
    const type = name === 'alias' ? undefined : converted(conversion)
    if (type !== undefined) attributes[name] = { type, optional: true }
  }
  return { attributes, block_types: {} }
}

function converted (conversion: string): TypeNotation | undefined {
  if (conversion.includes('hashMapper')) return ['map', 'string']
  if (/listMapper\(\w+\.string/.test(conversion)) return ['list', 'string']
  if (conversion.includes('booleanTo')) return 'bool'
  if (conversion.includes('numberTo')) return 'number'
  return conversion.includes('stringToTerraform') ? 'string' : undefined
}

function fail (what: string): never {
  throw new Error(what)
}
