// values.schema.json of a chart, generated from values.yaml: types from the defaults, everything else from annotations, which are comment
// lines `# @schema {enum: [a, b]}` above a key. A map has only the keys in values.yaml; a map that is empty there has any string values.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMap, isScalar, isSeq, LineCounter, parse, parseDocument, type Node, type Pair, type YAMLMap } from 'yaml'

type Schema = Record<string, unknown>
type Definitions = Readonly<Record<string, Schema | undefined>>
interface Chart { readonly name: string, readonly dependencies?: ReadonlyArray<{ readonly name: string }> }

/** The chart whose `global` values all charts accept. */
const UMBRELLA = 'alert-stream'
const DEFINITIONS = 'alert-stream-common/values.definitions.yaml'

/** Text of values.schema.json for the chart in `folder`. Definitions are shared by the charts in `charts`. */
export async function valuesSchema (folder: string, charts: string): Promise<string> {
  const { name, dependencies = [] } = parse(await readFile(join(folder, 'Chart.yaml'), 'utf8')) as Chart
  const shared = parse(await readFile(join(charts, DEFINITIONS), 'utf8')) as Definitions
  const umbrella = schemaOf(await readFile(join(charts, UMBRELLA, 'values.yaml'), 'utf8'), { ...shared, global: undefined })
  const global = merged((umbrella.properties as Record<string, Schema>).global ?? {}, shared.global ?? {})
  const definitions: Definitions = { ...shared, global: name === UMBRELLA ? undefined : global }
  const { properties, ...root } = schemaOf(await readFile(join(folder, 'values.yaml'), 'utf8'), definitions)
  const uses = name === UMBRELLA ? {} : { global: dependencies.length > 0 ? { $ref: '#/definitions/global' } : { type: 'object' } }
  const subcharts = Object.fromEntries(dependencies.map(each => [each.name, { type: 'object' }]))
  const schema = { ...root, properties: { ...subcharts, ...properties as Schema, ...uses } }
  const used = usedDefinitions(schema, definitions)
  return `${JSON.stringify({
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: 'Generated from values.yaml. Do not edit: npm run check:deploy -- --write',
    title: `Values of the chart ${name}`,
    ...schema,
    ...used.length === 0 ? {} : { definitions: Object.fromEntries(used.map(each => [each, definitions[each]])) }
  }, undefined, 2)}\n`
}

/** Schema of the values in `text`. A key that has the name of a definition takes that definition. */
export function schemaOf (text: string, definitions: Definitions): Schema {
  const lines = new LineCounter()
  const { contents, errors } = parseDocument(text, { lineCounter: lines })
  if (errors[0] !== undefined) throw errors[0]
  const source = text.split('\n')
  if (!isMap(contents)) return { type: 'object', additionalProperties: false, properties: {} }
  return mapSchema(contents)

  function mapSchema (map: YAMLMap): Schema {
    const properties = Object.fromEntries((map.items as Array<Pair<Node, Node | null>>).map(pair => [keyOf(pair), pairSchema(pair)]))
    return { type: 'object', additionalProperties: false, properties }
  }

  function pairSchema (pair: Pair<Node, Node | null>): Schema {
    const { annotation, description } = commentOf(pair)
    if (annotation.$ref !== undefined) return annotation
    if (Object.keys(annotation).length === 0 && definitions[keyOf(pair)] !== undefined) return { $ref: `#/definitions/${keyOf(pair)}` }
    // The keys of a map that takes other keys are only defaults.
    const { properties, ...inferred } = valueSchema(pair.value)
    const own = annotation.additionalProperties === undefined ? { ...inferred, properties } : inferred
    return { ...description === '' ? {} : { description }, ...merged(own, annotation) }
  }

  function valueSchema (node: Node | null): Schema {
    if (isMap(node)) return node.items.length > 0 ? mapSchema(node) : { type: 'object', additionalProperties: { type: 'string' } }
    if (isSeq(node)) return { type: 'array', items: node.items.length > 0 ? valueSchema(node.items[0] as Node) : { type: 'string' } }
    const value: unknown = isScalar(node) ? node.value : null
    if (typeof value === 'number') return { type: Number.isInteger(value) ? 'integer' : 'number' }
    return value === null ? {} : { type: typeof value }
  }

  /** The comment lines directly above a key that begins its line. */
  function commentOf ({ key }: Pair<Node, Node | null>): { annotation: Schema, description: string } {
    const { line, col } = lines.linePos(key.range?.[0] ?? 0)
    const comment: string[] = []
    if (source[line - 1]?.slice(0, col - 1).trim() === '') {
      for (let index = line - 2; /^\s*#/.test(source[index] ?? ''); index--) comment.unshift(source[index]!.trim().replace(/^# ?/, ''))
    }
    const start = comment.findLastIndex(each => each.startsWith('-- '))
    return {
      annotation: parse(comment.find(each => each.startsWith('@schema '))?.slice(8) ?? '{}') as Schema,
      description: start < 0 ? '' : comment.slice(start).join(' ').slice(3)
    }
  }
}

function keyOf ({ key }: Pair<Node, Node | null>): string {
  return isScalar(key) ? String(key.value) : ''
}

/** The keys of `over` replace those of `schema`, except `properties`, which are added. */
function merged ({ properties: own, ...schema }: Schema, { properties: more, ...over }: Schema): Schema {
  const properties = { ...own as Schema, ...more as Schema }
  return { ...schema, ...over, ...Object.keys(properties).length === 0 ? {} : { properties } }
}

/** Names of definitions that a schema refers to, also through other definitions, in the order of the definitions. */
function usedDefinitions (schema: Schema, definitions: Definitions): string[] {
  const used = new Set<string>()
  const visit = (value: unknown): void => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/definitions\/(\w+)"/g)) {
      if (used.has(name)) continue
      used.add(name)
      if (definitions[name] === undefined) throw new Error(`${DEFINITIONS} does not define ${name}, to which values.yaml refers`)
      visit(definitions[name])
    }
  }
  visit(schema)
  return Object.keys(definitions).filter(name => used.has(name))
}
