import t from 'tap'
import { encodeId, packedIdFormat, rubinIds } from '../../src/ids/packed-id.ts'
import { visitOfRecord as visitOf } from '../../src/ingest/record-visit.ts'
import { allVersions, generatorOf, surveySchema } from '../generator/support.ts'

const visitOfRecord = (record: { readonly value: Buffer | null }) => visitOf(record, rubinIds)
const hex = (text: string): { readonly value: Buffer } => ({ value: Buffer.from(text, 'hex') })

await t.test('reads the visit from the first field of an alert of any schema version', async t => {
  const parts = { tag: 2, night: '20260224', sequence: 1010, detector: 89, counter: 1234 }
  for (const version of await allVersions()) {
    const schema = await surveySchema(version)
    const alert = (await generatorOf(version)).alert(0, 0, 1)
    const [first = ''] = Object.keys(alert)
    const visitOf = (id: bigint) => visitOfRecord({ value: schema.encodeFramed(7, { ...alert, [first]: id }) })
    t.equal(visitOf(encodeId(parts)), 2026022401010, version)
    t.equal(visitOf(encodeId({ ...parts, tag: 4 })), 2026022401010)
    t.equal(visitOf(25_401_295_582_003_262n), undefined, 'an id of the simulations of 2021 contains no visit')
  }
})

await t.test('finds no visit in records that are not alerts', async t => {
  for (const text of ['', '00', '0000000001', '0000000001ff', '0000000001ffffffffffffffffff', '0000000001' + 'ff'.repeat(20), '7b22']) {
    t.equal(visitOfRecord(hex(text)), undefined, `'${text}'`)
  }
  t.equal(visitOfRecord({ value: null }), undefined)
})

await t.test('needs only the start of the value', async t => {
  const schema = await surveySchema('11.1')
  const id = encodeId({ tag: 2, night: '20260224', sequence: 1010, detector: 89, counter: 1 })
  const frame = schema.encodeFramed(7, { ...(await generatorOf('11.1')).alert(0, 0, 1), diaSourceId: id })
  t.equal(visitOfRecord({ value: frame.subarray(0, 14) }), 2026022401010)
  t.equal(visitOfRecord({ value: frame.subarray(0, 13) }), undefined)
})

await t.test('reads ids of another format', async t => {
  const format = packedIdFormat('7,14,14,9,19', '3')
  const schema = await surveySchema('11.1')
  const id = encodeId({ tag: 3, night: '20260224', sequence: 1010, detector: 89, counter: 1 }, format)
  const value = schema.encodeFramed(7, { ...(await generatorOf('11.1')).alert(0, 0, 1), diaSourceId: id })
  t.equal(visitOf({ value }, format), 2026022401010)
  t.equal(visitOf({ value }, rubinIds), undefined)
})
