import { gzipSync } from 'node:zlib'
import t from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { silent } from '../../src/pipeline/index.ts'
import { withProvenance } from '../../src/provenance/provenance.ts'
import type { TableAlert } from '../../src/replay/alert-table.ts'
import { recordsRestorer } from '../../src/replay/restore-records.ts'
import { sha256 } from '../../src/stores/checksums.ts'

const schema = parseSchema(JSON.stringify({ type: 'record', name: 'a', fields: [{ name: 'id', type: 'long' }] }))
const frame = schema.encodeFramed(7, { id: 42n })
const record = {
  topic: 'alerts', topicId: undefined, partition: 7, offset: 1n, leaderEpoch: 0, timestamp: 1000n, key: Buffer.from('key'), headers: []
}
const complete = withProvenance(gzipSync(frame), { sha256: sha256(frame), frameBytes: frame.length, archivedAt: 0 }, record).object
const position = { topic: 'alerts', partition: 7, offset: 1n, timestamp: 1000n }

async function restored (body: Buffer, alert: Pick<TableAlert, 'position'>, allowIncomplete = true) {
  const findAlert = async () => ({ body, where: '42', compressed: true, expectedBytes: frame.length, frame: async () => frame })
  const restore = recordsRestorer({ archive: () => ({ findAlert }), allowIncomplete, partitions: () => 5, log: silent })
  return (await restore([{ id: 42n, bytes: frame.length, ...alert }], new AbortController().signal)).records
}

await t.test('restores the record of an alert from its provenance', async t => {
  const expected = [{ key: Buffer.from('key'), value: frame, timestamp: 1000n, headers: [] }]
  t.strictSame(await restored(complete, { position }, false), expected)
  t.strictSame(await restored(complete, { position: undefined }, false), expected)
  await t.rejects(restored(complete, { position: { ...position, offset: 2n } }), {
    code: 'REPLAY_INDEX_DIFFERS', message: 'the Kafka position in the index differs from that in the object', where: 'alert 42'
  })
})

await t.test('without provenance, an alert has the timestamp and the partition of its position in the index', async t => {
  const incomplete = { key: null, value: frame, headers: [] }
  t.strictSame(await restored(gzipSync(frame), { position }), [{ ...incomplete, timestamp: 1000n, partition: 2 }])
  t.strictSame(await restored(gzipSync(frame), { position: undefined }), [{ ...incomplete, partition: 2 }])
  await t.rejects(restored(gzipSync(frame), { position }, false), { code: 'REPLAY_INCOMPLETE', where: 'alert 42' })
})
