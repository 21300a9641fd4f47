import t from 'tap'
import { packedIdFormat } from '../../src/ids/packed-id.ts'
import { alertKey, parseSchemaId, schemaKey } from '../../src/stores/layouts.ts'

await t.test('the keys of v1 and v2 are those of the Rubin archives', async t => {
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

await t.test('the v3 folder is the night, visit and detector of a packed id, or the first digits of any other id', async t => {
  // The id of an alert of visit 2026022401010, detector 89.
  t.equal(alertKey('v3', '170055002004914266'), 'v3/alerts/20260224/01010/089/170055002004914266.avro.gz')
  t.equal(alertKey('v3', '170055002004914267'), 'v3/alerts/20260224/01010/089/170055002004914267.avro.gz')
  const tag4 = String(170055002004914266n + (2n << 56n))
  t.equal(alertKey('v3', tag4), `v3/alerts/20260224/01010/089/${tag4}.avro.gz`)
  t.equal(alertKey('v3', tag4, packedIdFormat('7,14,15,8,19', '2')), `v3/alerts/other/${tag4.slice(0, 6)}/${tag4}.avro.gz`)
  const detector205 = String(170055002004914266n + (116n << 19n))
  for (const other of ['0', '12345', '1234567', '9223372036854775807', detector205]) {
    t.equal(alertKey('v3', other), `v3/alerts/other/${other.slice(0, 6)}/${other}.avro.gz`)
  }
  t.equal(schemaKey('v3', 1100), 'v3/schemas/1100.json')
})

await t.test('the key functions reject ids that are not canonical', async t => {
  for (const id of ['', '007', '-1', '+1', '1.0', '1e3', 'abc', '9223372036854775808', '../1', '1/2', '١']) {
    for (const layout of ['v1', 'v2', 'v3'] as const) t.throws(() => alertKey(layout, id), { code: 'ALERT_ID_INVALID' }, JSON.stringify(id))
  }
  for (const id of [-1, 1.5, 2 ** 32, NaN]) t.throws(() => schemaKey('v2', id), { code: 'SCHEMA_ID_INVALID' })
})

await t.test('parses schema ids exactly up to their limits', async t => {
  t.equal(parseSchemaId('0'), 0)
  t.equal(parseSchemaId('4294967295'), 4294967295)
  for (const text of ['4294967296', '', '-1', '1.0', 'latest', '00000000001']) t.equal(parseSchemaId(text), undefined, text)
})
