import t from 'tap'
import { parseFrame, parseSchema } from '../../src/avro/index.ts'
import { AlertEncoder, isResolvable } from '../../src/simulator/alert-encoder.ts'

const schemaOf = (namespace: string, midpoint: string, extra: object[] = []) => parseSchema(JSON.stringify({
  type: 'record', name: 'alert', namespace, fields: [
    { name: 'diaSourceId', type: 'long' }, ...extra,
    { name: 'diaSource', type: { type: 'record', name: 'diaSource', fields: [{ name: midpoint, type: 'double' }] } }
  ]
}))
const writer = schemaOf('old', 'midPointTai')
const schema = schemaOf('new', 'midpointMjdTai', [{ name: 'added', type: 'string', default: 'a' }])
const options = { writer, schema, schemaId: 1101, fillIn: false, topic: 'alerts-static', partitions: 8, maxMessageBytes: 10_000 }
const alert = (id: bigint, midPointTai: number) => ({ index: 0, data: writer.encode({ diaSourceId: id, diaSource: { midPointTai } }) })

await t.test('re-encodes and frames an alert, with its id as key and the seconds since the first alert in a header', async t => {
  const encoder = new AlertEncoder(options)
  const id = 2n ** 63n - 1n
  for (const [midpoint, seconds] of [[60_000, '0.000000'], [60_000.5, '43200.000000']] as const) {
    const { key, value, headers } = encoder.encode(alert(id, midpoint))
    const { schemaId, datum } = parseFrame(value!)
    t.equal(schemaId, 1101)
    t.same(schema.decode(datum), { diaSourceId: id, added: 'a', diaSource: { midpointMjdTai: midpoint } })
    t.equal(key?.toString(), String(id))
    t.same(headers?.map(pair => pair.map(String)), [['alertsim-time-offset', seconds]])
  }
})

await t.test('rejects damaged and oversized alerts, and keeps the first error', async t => {
  const encoder = new AlertEncoder({ ...options, maxMessageBytes: 300 })
  const { data } = alert(5n, 60_000)
  t.throws(() => encoder.encode({ index: 0, data: data.subarray(1) }), { code: 'DATUM_INVALID' })
  t.throws(() => encoder.encode({ index: 1, data }), { code: 'KAFKA_MESSAGE_TOO_LARGE', where: 'alerts-static' })
  t.match(encoder.firstError, { code: 'DATUM_INVALID' })
  t.equal(isResolvable(writer, schema, false), true)
  t.equal(isResolvable(writer, schemaOf('new', 'midpointMjdTai', [{ name: 'required', type: 'int' }]), false), false)
})
