// When the body of an upload to Cloud Storage is freed. The upload itself is simulated here, so that the test sees the body.
import t from 'tap'
import { base64Crc32c } from '../../src/stores/bucket.ts'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { GcsBucket } from '../../src/stores/gcs-bucket.ts'
import type { GcsClient } from '../../src/stores/gcs-client.ts'
import type { GcsUpload, GcsUploadRequest } from '../../src/stores/gcs-upload.ts'

const client = { uploads: 'http://store/upload' } as GcsClient
const meta = (body: Buffer) => ({ contentType: 'application/gzip', ...checksumsOf(body) })

function bucketWith (respond: (request: GcsUploadRequest) => Promise<object>): GcsBucket {
  const json = async (request: GcsUploadRequest) => ({ status: 200, headers: {}, body: await respond(request) })
  return new GcsBucket('bucket', client, { json, abort () {} } as unknown as GcsUpload)
}

await t.test('the body of an upload is freed when the store confirms its checksum, and not during a slow upload', async t => {
  const slow = Promise.withResolvers<undefined>()
  const bodies: Buffer[] = []
  const object = (index: number): Buffer => Buffer.alloc(10_000, `object ${index} `)
  const bucket = bucketWith(async request => {
    const index = bodies.push(request.body) - 1
    if (index === 0) await slow.promise
    return { crc32c: base64Crc32c(object(index)), generation: '1' }
  })
  const first = bucket.create('0', object(0), meta(object(0)))
  for (let index = 1; index < 50; index++) await bucket.create(String(index), object(index), meta(object(index)))
  t.ok(bodies.slice(1).every(({ length }) => length === 0))
  t.ok(bodies[0]!.includes(object(0)))
  slow.resolve(undefined)
  await first
  t.equal(bodies[0]!.length, 0)
})

await t.test('the body of a failed or unconfirmed upload, and the object itself, are not freed', async t => {
  const object = Buffer.alloc(10_000, 'object')
  const bodies: Buffer[] = []
  const bucket = bucketWith(async ({ body }) => {
    if (bodies.push(body) === 1) throw new Error('down')
    return { crc32c: 'another' }
  })
  await t.rejects(bucket.create('a', object, meta(object)), { message: 'down' })
  await t.rejects(bucket.create('b', object, meta(object)), { code: 'STORE_UNAVAILABLE' })
  t.strictSame(bodies.map(body => body.includes(object)), [true, true])
})
