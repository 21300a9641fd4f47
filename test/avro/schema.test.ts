import t from 'tap'
import { compactJson } from '../../src/avro/schema-json.ts'
import { alertSummary, parseFrame, parseSchema } from '../../src/avro/index.ts'

const text = `{
  "type": "record", "name": "alert", "namespace": "lsst.v9_9", "doc": "two  spaces \\" and a quote",
  "fields": [
    {"name": "diaSourceId", "type": "long", "doc": "the id"},
    {"name": "when", "type": {"type": "long", "logicalType": "timestamp-micros"}, "default": 7},
    {"name": "maybe", "type": ["null", "long"], "default": null},
    {"name": "counts", "type": {"type": "array", "items": "int"}, "default": []},
    {"name": "tags", "type": {"type": "map", "values": "string"}, "default": {}},
    {"name": "stamp", "type": ["null", "bytes"], "default": null},
    {"name": "mixed", "type": ["int", "long", "string"], "default": 3}
  ]
}`
const schema = parseSchema(text)
const highest = 2n ** 63n - 1n

await t.test('keeps docs and defaults in the text and removes whitespace between tokens', async t => {
  t.same(JSON.parse(schema.text), JSON.parse(text))
  t.match(schema.text, '"doc":"two  spaces \\" and a quote"')
  t.notMatch(schema.text.replace(/"(?:[^"\\]|\\.)*"/g, ''), /\s/)
  t.equal(schema.name, 'lsst.v9_9.alert')
  t.equal(schema.alertIdField, 'diaSourceId')
})

await t.test('compactJson keeps the spelling of numbers and rejects invalid JSON', async t => {
  t.equal(
    compactJson('{ "a" : [ 1.0 , 9223372036854775807, 1e3 ],\n\t"b" : "x \\\\" }'), '{"a":[1.0,9223372036854775807,1e3],"b":"x \\\\"}'
  )
  t.throws(() => compactJson('{"a": }'), SyntaxError)
})

await t.test('decodes longs as exact bigints, logical types as their base type, unions as bare values', async t => {
  const value = {
    diaSourceId: highest, when: -(2n ** 63n), maybe: 2n ** 53n + 1n, counts: [1, -2], tags: { a: 'b' },
    stamp: Buffer.from([1, 2]), mixed: 5n
  }
  t.same(schema.decode(schema.encode(value)), value)
  t.equal((schema.decode(schema.encode({ diaSourceId: 1n })))['when'], 7n, 'an absent field gets its default value')
})

await t.test('wraps only unions with ambiguous bare values', async t => {
  const numbers = parseSchema(`{"type":"record","name":"a","fields":[
    {"name":"x","type":["null","float","double"]},{"name":"y","type":["null","int","long"]}]}`)
  const value = { x: { double: 1.1 }, y: 7 }
  t.same(numbers.decode(numbers.encode(value)), value)
  t.same(numbers.decode(numbers.encode({ x: null, y: 7n })), { x: null, y: 7n })
})

await t.test('encodes values that are larger than the scratch buffer', async t => {
  const stamp = Buffer.alloc(3_000_000, 0x5a)
  const bytes = schema.encode({ diaSourceId: 1n, stamp })
  t.same(schema.decode(bytes)['stamp'], stamp)
  const { schemaId, datum } = parseFrame(schema.encodeFramed(1101, { diaSourceId: 1n, stamp }))
  t.equal(schemaId, 1101)
  t.ok(datum.equals(bytes))
})

await t.test('returns encodings that do not share memory', async t => {
  const one = schema.encode({ diaSourceId: 1n })
  const before = one.toString('hex')
  schema.encode({ diaSourceId: 2n })
  t.equal(one.toString('hex'), before)
})

await t.test('reads the alert id from the first bytes only', async t => {
  for (const id of [0n, 1n, 170032915988086813n, highest]) {
    t.equal(schema.readAlertId(schema.encode({ diaSourceId: id, stamp: Buffer.alloc(1000) }).subarray(0, 10)), id)
  }
  t.throws(() => schema.readAlertId(Buffer.alloc(0)), { code: 'DATUM_INVALID', message: /diaSourceId \(0 bytes\)/ })
  t.throws(() => schema.readAlertId(Buffer.from([0x80])), { code: 'DATUM_INVALID' })
  const other = parseSchema('{"type":"record","name":"x","fields":[{"name":"objectId","type":"string"}]}')
  t.throws(() => other.readAlertId(Buffer.from([2])), { code: 'SCHEMA_NO_ALERT_ID', message: /"objectId", is not a long/ })
})

await t.test('the error for a value that does not match the schema names its path', async t => {
  t.throws(() => schema.encode({ diaSourceId: 1 }), { code: 'VALUE_INVALID', message: /diaSourceId: number 1/ })
  t.throws(() => schema.encode({ diaSourceId: 1n, counts: [1, 'x'] }), { code: 'VALUE_INVALID', message: /counts\.1/ })
  t.throws(() => schema.encode({ diaSourceId: 2n ** 63n }), { code: 'VALUE_INVALID' })
  t.throws(() => schema.encode({}), { code: 'VALUE_INVALID', message: /diaSourceId: nothing/ })
})

await t.test('rejects truncated data and extra bytes', async t => {
  const datum = schema.encode({ diaSourceId: highest, counts: [1, 2, 3], tags: { k: 'v' }, stamp: Buffer.from('abc') })
  for (let length = 0; length < datum.length; length++) {
    t.throws(() => schema.decode(datum.subarray(0, length)), { code: 'DATUM_INVALID' }, `${length} bytes`)
    t.throws(() => schema.skipAt(datum.subarray(0, length), 0), { code: 'DATUM_INVALID' }, `${length} bytes`)
  }
  t.throws(() => schema.decode(Buffer.concat([datum, Buffer.from([0])])), { code: 'DATUM_INVALID', message: /1 of its .* left over/ })
})

await t.test('rejects a damaged item count of an array or map', async t => {
  // `diaSourceId` is 1, `when` is 0 and `maybe` is null. An array or a map of 2^62 items follows.
  const head = Buffer.from([2, 0, 0])
  const huge = Buffer.from('80808080808080808001', 'hex')
  t.throws(() => schema.decode(Buffer.concat([head, huge])), { code: 'DATUM_INVALID', message: /array/ })
  t.throws(() => schema.decode(Buffer.concat([head, Buffer.from([0]), huge])), { code: 'DATUM_INVALID', message: /map/ })
  t.throws(() => schema.skipAt(Buffer.concat([head, huge]), 0), { code: 'DATUM_INVALID', message: /array/ })
})

await t.test('decodes random bytes or rejects them with DATUM_INVALID', async t => {
  let state = 12345
  let rejected = 0
  for (let i = 0; i < 3000; i++) {
    const bytes = Buffer.alloc(1 + i % 40)
    for (let n = 0; n < bytes.length; n++) bytes[n] = (state = (state * 1103515245 + 12345) & 0x7fffffff) >>> 16
    try {
      schema.decode(bytes)
    } catch (error) {
      if ((error as { code?: string }).code !== 'DATUM_INVALID') throw error
      rejected++
    }
  }
  t.ok(rejected > 2000)
})

await t.test('rejects texts that are not alert schemas', async t => {
  t.throws(() => parseSchema('{'), { code: 'SCHEMA_INVALID' })
  t.throws(() => parseSchema('"string"'), { code: 'SCHEMA_INVALID', message: /string, not a record/ })
  t.throws(
    () => parseSchema('{"type":"record","name":"a","fields":[{"name":"b","type":"nowhere"}]}', 'x.avsc'),
    { where: 'x.avsc', message: /nowhere/ }
  )
})

await t.test('alertSummary reads id, mid-point and history length under the field names of all schema versions', async t => {
  const history = { prvDiaSources: [1, 2], prvDiaForcedSources: [1], prvDiaNondetectionLimits: null }
  t.same(alertSummary({ alertId: 5n, diaSource: { midPointTai: 1.5 }, ...history }), { id: 5n, midpointMjdTai: 1.5, history: 3 })
  t.same(
    alertSummary({ diaSourceId: highest, diaSource: { midpointMjdTai: 60902.25 } }), { id: highest, midpointMjdTai: 60902.25, history: 0 }
  )
  t.same(alertSummary({ diaSourceId: 1n }), { id: 1n, midpointMjdTai: undefined, history: 0 })
  t.throws(() => alertSummary({ name: 'x' }), { code: 'SCHEMA_NO_ALERT_ID' })
})
