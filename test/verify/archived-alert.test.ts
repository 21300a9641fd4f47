// Comparison of a record with its object in the archive.
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { encodeLong } from '../../src/avro/varint.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import { storeErrors } from '../../src/stores/errors.ts'
import { compareWithArchive } from '../../src/verify/archived-alert.ts'

const fields = [{ name: 'id', type: 'long' }, { name: 'x', type: 'bytes' }]
const schema = parseSchema(JSON.stringify({ type: 'record', name: 'a', fields }))
const frameOf = (id: bigint, x = Buffer.alloc(1000, 'x')): Buffer => schema.encodeFramed(7, { id, x })
const recordOf = (value: Buffer | null): KafkaRecord =>
  ({ topic: 't', partition: 0, offset: 1n, leaderEpoch: 0, timestamp: 0n, key: null, value, headers: [] })

/** @param object the stored bytes, or the error with which the store answers */
async function compare (value: Buffer | null, object?: Buffer | Error, compressed = true) {
  const asked: string[] = []
  const { record: _, ...found } = await compareWithArchive({
    findAlert: async (id, admit) => {
      asked.push(id)
      if (object instanceof Error) throw object
      if (object !== undefined) admit?.(object.length)
      const frame = async () => { throw new Error('verify inflates the object itself') }
      return object && { body: object, compressed, where: 'here', expectedBytes: 0, frame }
    }
  }, recordOf(value))
  return { ...found, asked }
}

await t.test('an object is equal if it inflates to the frame, at any compression level and with several gzip members', async t => {
  const id = 9_223_372_036_854_775_807n
  const frame = frameOf(id)
  const members = Buffer.concat([gzipSync(frame.subarray(0, 400)), gzipSync(frame.subarray(400))])
  for (const object of [gzipSync(frame), gzipSync(frame, { level: 1 }), members]) {
    t.strictSame(await compare(frame, object), { schemaId: 7, alertId: String(id), asked: [String(id)] })
  }
})

await t.test('any other object is different, with the reason', async t => {
  const frame = frameOf(5n)
  const changed = Buffer.from(frame)
  changed[500]! ^= 1
  const gz = gzipSync(frame)
  const badChecksum = Buffer.from(gz)
  badChecksum[gz.length - 8]! ^= 1
  for (const [object, reason] of [
    [gzipSync(changed), /^the object holds 1008 bytes with SHA-256 [0-9a-f]{64}, and the record is 1008 bytes with SHA-256 [0-9a-f]{64}$/],
    [gzipSync(frame.subarray(0, 900)), /^the object holds 900 bytes/],
    [gzipSync(Buffer.alloc(0)), /^the object holds 0 bytes/],
    [gzipSync(Buffer.concat([frame, Buffer.alloc(1)])), /^the object holds more than the 1008 bytes of the record$/],
    [Buffer.concat([gz, Buffer.alloc(100_000)]), /^the object holds more than the 1008 bytes of the record$/],
    [Buffer.concat([gz, gz]), /^the object holds more than/],
    [gz.subarray(0, gz.length - 1), /damaged or truncated/],
    [badChecksum, /damaged or truncated/],
    [Buffer.concat([gz, Buffer.from('more')]), /damaged or truncated/],
    [storeErrors.OBJECT_CORRUPT('the object is not gzip'), /^the object is not gzip$/]
  ] as const) {
    t.match(await compare(frame, object), { schemaId: 7, alertId: '5', mismatch: { problem: 'different', reason } })
  }
})

await t.test('an object of any size is inflated only up to the size of the record', async t => {
  const bomb = gzipSync(Buffer.alloc(48 * 1024 * 1024))
  t.ok(bomb.length < 65_536, 'the object is not larger than the object of the record may be')
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  const sampling = setInterval(() => { most = Math.max(most, process.memoryUsage().arrayBuffers) })
  const found = await compare(frameOf(5n), bomb)
  clearInterval(sampling)
  t.match(found, { mismatch: { problem: 'different', reason: /more than the 1008 bytes/ } })
  t.ok(most - before < 16 * 1024 * 1024, `${most - before} bytes`)
})

await t.test('a record without an object, or without an alert id, is missing', async t => {
  t.match(await compare(frameOf(5n)), { alertId: '5', asked: ['5'], mismatch: { problem: 'missing', reason: /no object/ } })
  const frame = (datum: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), datum])
  for (const [value, reason] of [
    [null, /the message is empty/], [Buffer.from('text, not a frame'), /magic byte/], [Buffer.from([0, 1]), /2 bytes/],
    [frame(Buffer.alloc(0)), /ends inside the alert id/], [frame(Buffer.from([0x80, 0x80])), /ends inside the alert id/],
    [frame(Buffer.alloc(11, 0xff)), /more than 10 bytes/], [frame(encodeLong(-5n)), /alert id -5 is negative/]
  ] as const) {
    const found = await compare(value)
    t.match(found, { asked: [], mismatch: { problem: 'missing', reason: /^the record cannot be archived: / } })
    t.match(found.mismatch?.reason, reason)
  }
})

await t.test('a record above the size limit is missing until its dead letter is found', async t => {
  const omitted = { bytes: 40_000_000, sha256: 'ab12' }
  const findAlert = async (): Promise<undefined> => { throw new Error('not reached') }
  const found = await compareWithArchive({ findAlert }, { ...recordOf(Buffer.alloc(0)), omitted })
  t.match(found, { mismatch: { problem: 'missing', reason: /exceeds the size limit: its value has 40000000 bytes and SHA-256 ab12/ } })
})

await t.test('rejects with the error of the store if the store fails', async t => {
  await t.rejects(compare(frameOf(5n), storeErrors.STORE_UNAVAILABLE('away')), { code: 'STORE_UNAVAILABLE' })
})

await t.test('an uncompressed object is equal if it is the frame', async t => {
  const frame = frameOf(7n)
  t.strictSame(await compare(frame, frame, false), { schemaId: 7, alertId: '7', asked: ['7'] })
  for (const other of [frameOf(7n, Buffer.alloc(1000, 'y')), frame.subarray(0, -1), gzipSync(frame), Buffer.alloc(0)]) {
    t.match(await compare(frame, other, false), { mismatch: { problem: 'different', reason: /SHA-256/ } })
  }
})
