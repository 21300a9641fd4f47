// The generator of values.schema.json: types from defaults, restrictions from annotations, shared definitions.
import t from 'tap'
import { schemaOf } from '../../scripts/values-schema.ts'

const port = { type: 'integer', maximum: 65535 }
const definitions = { port }
/** Schemas of the top-level keys. */
const propertiesOf = (text: string): unknown => schemaOf(text, definitions).properties

await t.test('infers types from defaults', async t => {
  t.strictSame(propertiesOf('a: 1\nb: 0.5\nc: text\nd: true\ne: [x]\nf: []\ng: {}\n'), {
    a: { type: 'integer' },
    b: { type: 'number' },
    c: { type: 'string' },
    d: { type: 'boolean' },
    e: { type: 'array', items: { type: 'string' } },
    f: { type: 'array', items: { type: 'string' } },
    g: { type: 'object', additionalProperties: { type: 'string' } }
  })
})

await t.test('rejects unknown keys at every level', async t => {
  const schema = schemaOf('a:\n  b: 1\n', definitions)
  t.equal(schema.additionalProperties, false)
  t.strictSame(schema.properties, { a: { type: 'object', additionalProperties: false, properties: { b: { type: 'integer' } } } })
})

await t.test('takes restrictions from the annotation and the description from the comment above a key', async t => {
  t.strictSame(propertiesOf('a:\n  # Ignored.\n  # @schema {minimum: 1, maximum: 9}\n  # -- Level, from\n  # 1 to 9\n  b: 6\n  c: 1\n'), {
    a: {
      type: 'object',
      additionalProperties: false,
      properties: { b: { description: 'Level, from 1 to 9', type: 'integer', minimum: 1, maximum: 9 }, c: { type: 'integer' } }
    }
  })
})

await t.test('allows null only if the annotation has its type', async t => {
  t.strictSame(propertiesOf('# @schema {type: [integer, "null"]}\na: null\n'), { a: { type: ['integer', 'null'] } })
})

await t.test('allows other keys and values in a map that the annotation opens', async t => {
  t.strictSame(propertiesOf('# @schema {additionalProperties: {type: [string, number]}}\na: {b: "1"}\n'),
    { a: { type: 'object', additionalProperties: { type: ['string', 'number'] } } })
})

await t.test('uses the definition with the name of the key, unless the key has an annotation', async t => {
  t.strictSame(propertiesOf('port: 80\na: {port: 81}\n'), {
    port: { $ref: '#/definitions/port' },
    a: { type: 'object', additionalProperties: false, properties: { port: { $ref: '#/definitions/port' } } }
  })
  t.strictSame(propertiesOf('# @schema {type: string}\nport: http\n'), { port: { type: 'string' } })
})

await t.test('throws on invalid YAML', async t => {
  t.throws(() => schemaOf('a: [\n', definitions), { message: /Flow sequence/ })
})
