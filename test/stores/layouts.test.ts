import t from 'tap'
import { alertKey, parseSchemaId, schemaKey } from '../../src/stores/layouts.ts'

await t.test('the keys of both layouts are those of the Rubin archives', async t => {
  const id = '170028518906855444'
  t.equal(alertKey('v1', id), `/alert_archive/v1/alerts/${id}.avro.gz`)
  t.equal(alertKey('v2', id), `v2/alerts/170028/${id}.avro.gz`)
  t.equal(schemaKey('v1', 704), '/alert_archive/v1/schemas/704.json')
  t.equal(schemaKey('v2', 1100), 'v2/schemas/1100.json')
})

await t.test('uses the complete id as the v2 folder if it has at most 6 digits', async t => {
  const folders = [['0', '0'], ['12345', '12345'], ['123456', '123456'], ['1234567', '123456'], ['9223372036854775807', '922337']]
  for (const [id, folder] of folders) t.equal(alertKey('v2', id!), `v2/alerts/${folder}/${id}.avro.gz`)
})

await t.test('the key functions reject ids that are not canonical', async t => {
  for (const id of ['', '007', '-1', '+1', '1.0', '1e3', 'abc', '9223372036854775808', '../1', '1/2', '١']) {
    for (const layout of ['v1', 'v2'] as const) t.throws(() => alertKey(layout, id), { code: 'ALERT_ID_INVALID' }, JSON.stringify(id))
  }
  for (const id of [-1, 1.5, 2 ** 32, NaN]) t.throws(() => schemaKey('v2', id), { code: 'SCHEMA_ID_INVALID' })
})

await t.test('parses schema ids exactly up to their limits', async t => {
  t.equal(parseSchemaId('0'), 0)
  t.equal(parseSchemaId('4294967295'), 4294967295)
  for (const text of ['4294967296', '', '-1', '1.0', 'latest', '00000000001']) t.equal(parseSchemaId(text), undefined, text)
})
