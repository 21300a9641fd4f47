// Schemas that Avro Java and the registries accept although avsc does not. Data of these schemas are decoded, encoded and resolved.
import t from 'tap'
import { parseSchema, resolver, type AlertValue } from '../../src/avro/index.ts'
import { encodeLong } from '../../src/avro/varint.ts'

const alert = (...fields: string[]): string =>
  `{"type":"record","name":"alert","fields":[${['{"name":"id","type":"long"}', ...fields].join()}]}`
const id = { id: 7n }
const old = parseSchema(alert())

/** The value of an alert without further fields, in the shape of the reader. */
function resolved (reader: string): AlertValue {
  const schema = parseSchema(reader)
  return { ...schema.decode(resolver(old, schema)(old.encode(id))) }
}

await t.test('a default belongs to any branch of its union, as in the ZTF schemas of 2018', async t => {
  const ztf = alert(
    '{"name":"magnr","type":["float","null"],"default":null}', '{"name":"nid","type":["int","null","string"],"default":"none"}',
    '{"name":"big","type":["null","long"],"default":9007199254740993}', '{"name":"both","type":["null","float","double"],"default":1.5}',
    `{"name":"inner","default":null,"type":["null",
      {"type":"record","name":"inner","fields":[{"name":"x","type":["int","null"],"default":null}]}]}`
  )
  t.match(resolved(ztf), { id: 7n, magnr: null, nid: 'none', big: 9007199254740993n, both: { float: 1.5 }, inner: null })
  const schema = parseSchema(ztf)
  const value = { id: 7n, magnr: 1.5, nid: 3, big: null, both: null, inner: { x: null } }
  t.same(schema.decode(schema.encode(value)), value)
  t.equal(schema.skipAt(schema.encode(value), 0), schema.encode(value).length)
})

await t.test('long defaults beyond 2^53 are exact', async t => {
  const text = alert(
    '{"name":"n","type":"long","default":9223372036854775807}', '{"name":"m","type":"long","default":-9223372036854775808}'
  )
  t.match(resolved(text), { n: 2n ** 63n - 1n, m: -(2n ** 63n) })
  const schema = parseSchema(text)
  t.match(schema.decode(schema.encode(id)), { n: 2n ** 63n - 1n, m: -(2n ** 63n) })
  t.match(schema.text, /9223372036854775807.*-9223372036854775808/)
})

await t.test('NaN and infinities are defaults of floats, as strings and as bare words', async t => {
  const text = alert(
    '{"name":"a","type":"float","default":"NaN"}', '{"name":"b","type":["null","double"],"default":"-Infinity"}',
    '{"name":"c","type":"double","default":NaN}', '{"name":"d","type":"double","default": -Infinity}',
    '{"name":"e","type":"string","default":"NaN"}'
  )
  t.match(resolved(text), { a: NaN, b: -Infinity, c: NaN, d: -Infinity, e: 'NaN' })
})

await t.test('ignores comments in a schema', async t => {
  const schema = parseSchema(`/* The "alert" */ ${alert('{"name":"n", // the number\n "type":"int", "doc":"// kept /* kept */"}')} // end`)
  t.match(schema.text, /^\{"type":"record".*"doc":"\/\/ kept \/\* kept \*\/"\}\]\}$/)
  t.match(schema.decode(schema.encode({ ...id, n: 5 })), { n: 5 })
})

await t.test('names that are not ASCII are accepted, and resolve to the same names', async t => {
  const text = (extra: string): string => alert('{"name":"größe","type":"int"}',
    `{"name":"band","type":{"type":"enum","name":"Bänder","symbols":["ü","g"]}}${extra}`)
  const [writer, reader] = [text(''), text(',{"name":"weiß","type":"string","default":"x"}')].map(each => parseSchema(each))
  const datum = Buffer.concat([encodeLong(7), encodeLong(5), encodeLong(0)])
  writer!.checkDatum(datum)
  t.same(resolver(writer!, reader!)(datum), Buffer.concat([datum, encodeLong(1), Buffer.from('x')]))
})

await t.test('an invalid default is ignored in a writer schema, and counts as missing in a reader schema', async t => {
  const text = alert('{"name":"n","type":"int","default":"seven"}', '{"name":"u","type":["null","int"],"default":1.5}')
  const schema = parseSchema(text)
  t.match(schema.decode(schema.encode({ ...id, n: 5, u: null })), { n: 5 })
  const message = /n: int, no default in the reader.*u: \[null, int\], no default/
  t.throws(() => resolved(text), { code: 'RESOLUTION_IMPOSSIBLE', message })
})

await t.test('distinguishes types with the same short name in several namespaces or without a namespace', async t => {
  const inner = '{"type":"record","name":"inner","namespace":"","fields":[{"name":"x","type":"int"}]}'
  const schema = parseSchema(`{"type":"record","name":"a.alert","fields":[{"name":"id","type":"long"},
    {"name":"one","type":${inner}},
    {"name":"two","type":{"type":"record","name":"inner","fields":[{"name":"y","type":"string"}]}},
    {"name":"three","type":"inner"}, {"name":"four","type":"a.inner"}]}`)
  const value = { id: 7n, one: { x: 1 }, two: { y: 'a' }, three: { y: 'b' }, four: { y: 'c' } }
  t.same(schema.decode(schema.encode(value)), value)
  t.equal(schema.name, 'a.alert')
})

await t.test('a schema whose values avsc cannot read can still be skipped', async t => {
  const schema = parseSchema(alert('{"name":"u","type":["null","int","int"]}'))
  const datum = Buffer.concat([encodeLong(7), encodeLong(2), encodeLong(5)])
  schema.checkDatum(datum)
  t.equal(schema.readAlertId(datum), 7n)
  t.throws(() => schema.decode(datum), { code: 'SCHEMA_INVALID', message: /duplicate union branch/ })
})
