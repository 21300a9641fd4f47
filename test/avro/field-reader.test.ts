import t from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { longReader } from '../../src/avro/field-reader.ts'
import { parseTree, type RecordNode } from '../../src/avro/schema-tree.ts'

const source = {
  type: 'record', name: 'source',
  fields: [{ name: 'diaSourceId', type: 'long' }, { name: 'visit', type: 'long' }, { name: 'x', type: 'double' }]
}
const alert = (...fields: object[]) => ({ type: 'record', name: 'alert', fields: [{ name: 'id', type: 'long' }, ...fields] })
const readerOf = (schema: object, path = ['diaSource', 'visit']) => longReader(parseTree(schema) as RecordNode, path)

await t.test('reads a long behind fields of any type', async t => {
  const schema = alert(
    { name: 'text', type: ['null', 'string'] }, { name: 'history', type: { type: 'array', items: source } },
    { name: 'more', type: { type: 'map', values: 'bytes' } }, { name: 'diaSource', type: 'source' }, { name: 'after', type: 'bytes' }
  )
  const parsed = parseSchema(JSON.stringify(schema))
  for (const visit of [0n, -1n, 2026022401010n, (1n << 63n) - 1n]) {
    const of = (visit: bigint) => ({ diaSourceId: 1n, visit, x: NaN })
    const datum = parsed.encode({
      id: 5n, text: 'a text', history: [of(3n), of(4n)], more: { a: Buffer.alloc(300) }, diaSource: of(visit), after: Buffer.alloc(9)
    })
    t.equal(readerOf(schema)!(datum), visit)
    t.equal(parsed.readVisit(datum), visit)
  }
})

await t.test('reads through nullable records and fields, and returns undefined for null', async t => {
  const nullable = { ...source, fields: [{ name: 'visit', type: ['null', 'long'] }] }
  const schema = alert({ name: 'diaSource', type: ['null', nullable] })
  const parsed = parseSchema(JSON.stringify(schema))
  const visitOf = (diaSource: unknown) => readerOf(schema)!(parsed.encode({ id: 1n, diaSource }))
  t.equal(visitOf({ visit: 77n }), 77n)
  t.equal(visitOf({ visit: null }), undefined)
  t.equal(visitOf(null), undefined)
  // The Avro specification permits the branch 1 in two bytes, too.
  t.equal(readerOf(schema)!(Buffer.from([2, 0x82, 0x00, 0x82, 0x00, 14])), 7n)
})

await t.test('a schema without the long has no reader', async t => {
  const visits = (type: unknown) => alert({ name: 'diaSource', type: { ...source, fields: [{ name: 'visit', type }] } })
  t.equal(readerOf(alert()), undefined)
  t.equal(readerOf(alert({ name: 'diaSource', type: 'long' })), undefined)
  for (const type of ['string', 'double', { type: 'array', items: 'long' }]) t.equal(readerOf(visits(type)), undefined)
  t.equal(parseSchema(JSON.stringify(alert())).readVisit(Buffer.from([2])), undefined)
})
