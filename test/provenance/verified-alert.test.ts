import { gzipSync } from 'node:zlib'
import t from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { withProvenance } from '../../src/provenance/provenance.ts'
import { verifiedAlert } from '../../src/provenance/verified-alert.ts'
import { checksumsOf, sha256 } from '../../src/stores/checksums.ts'

const fields = [{ name: 'id', type: 'long' }, { name: 'x', type: 'bytes' }]
const schema = parseSchema(JSON.stringify({ type: 'record', name: 'a', fields }))
const frame = schema.encodeFramed(7, { id: 42n, x: Buffer.alloc(1000, 'x') })
const record = { topic: 'alerts', topicId: undefined, partition: 0, offset: 1n, leaderEpoch: 0, timestamp: 0n, key: null, headers: [] }
const withHash = (hash: string): Buffer =>
  withProvenance(gzipSync(frame), { sha256: hash, frameBytes: frame.length, archivedAt: 0 }, record).object
const where = 'file:///a: key'

await t.test('returns the frame of an object that agrees with its provenance, its metadata and its key', async t => {
  const expected = { frame, checksums: checksumsOf(frame), schemaId: 7, datum: frame.subarray(5) }
  for (const object of [{ body: gzipSync(frame) }, { body: withHash(sha256(frame)) }, { body: gzipSync(frame), ...checksumsOf(frame) }]) {
    t.match(await verifiedAlert({ ...object, where }, { id: '42', compressed: true }, 10_000), expected)
  }
  t.match(await verifiedAlert({ body: frame, where }, { id: '42', compressed: false }, 10_000), expected)
})

await t.test('damaged provenance says nothing about the frame', async t => {
  const body = withHash(sha256(frame))
  // The extra field begins at byte 12.
  body[60]! ^= 1
  t.ok((await verifiedAlert({ body, where }, { id: '42', compressed: true }, 10_000)).frame.equals(frame))
})

await t.test('rejects an object that contradicts itself or its key', async t => {
  const alert = { id: '42', compressed: true }
  for (const [object, id, limit, message] of [
    [{ body: withHash('0'.repeat(64)) }, '42', 10_000, /but the provenance of the object says 0{64}/],
    [{ body: gzipSync(frame), sha256: '0'.repeat(64) }, '42', 10_000, /but the metadata of the object says 0{64}/],
    [{ body: gzipSync(frame) }, '43', 10_000, /the object holds the alert 42/],
    [{ body: gzipSync(Buffer.from('text')) }, '42', 10_000, /does not hold an alert/],
    [{ body: gzipSync(frame).subarray(0, -9) }, '42', 10_000, /damaged or truncated/]
  ] as const) {
    await t.rejects(verifiedAlert({ ...object, where }, { ...alert, id }, limit), { code: 'OBJECT_CORRUPT', message, where })
  }
  await t.rejects(verifiedAlert({ body: gzipSync(frame), where }, alert, 100), { code: 'OBJECT_TOO_LARGE' })
})
