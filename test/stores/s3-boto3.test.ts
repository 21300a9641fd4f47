// boto3 judges the S3 store: it reads what the store wrote, and the store reads what boto3 wrote.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { s3Credentials } from '../../src/devstack/index.ts'
import { base64Crc32c } from '../../src/stores/bucket.ts'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { hex32 } from '../../src/stores/crc32c.ts'
import { createArchive } from '../../src/stores/archive.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { useS3 } from '../support/stack.ts'
import { collect } from './contract.ts'

const s3 = await useS3(t)

async function boto3 (bucket: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(s3.python, [join(import.meta.dirname, 'judge_s3.py'), s3.url, bucket])
  return JSON.parse(stdout)
}

await t.test('boto3 reads the objects of the store with type, checksum and metadata, and the store reads an object of boto3', async t => {
  const bucket = await s3.bucket()
  const store = await openStore(`s3://${bucket}`, { s3: { endpoint: s3.url, credentials: s3Credentials } })
  const frame = Buffer.from('an alert')
  const gz = gzipSync(frame)
  const { crc32c, sha256 } = checksumsOf(frame)
  await store.put('v2/a.gz', gz, { contentType: 'application/gzip', crc32c, sha256 })
  const found = await boto3(bucket) as Record<string, unknown>
  t.strictSame(Object.keys(found).sort(), ['.incoming/if-none-match', 'v2/a.gz'])
  t.strictSame(found['v2/a.gz'], {
    type: 'application/gzip', encoding: null, crc32c: base64Crc32c(gz), text: 'an alert',
    metadata: { 'crc32c-frame': hex32(crc32c), 'sha256-frame': sha256 }
  })
  const theirs = await store.get('v2/boto3.gz')
  t.equal(gunzipSync(theirs!.body).toString(), 'from boto3')
  t.match(theirs, { crc32c: undefined, sha256: undefined })
  t.strictSame(await collect(store.list('')), ['v2/a.gz', 'v2/boto3.gz'])
})

await t.test('alerts and schemas may share a bucket', async t => {
  const store = await openStore(`s3://${await s3.bucket()}`, { s3: { endpoint: s3.url, credentials: s3Credentials } })
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.from('an alert')])
  t.equal(await archive.putAlert('1234567', gzipSync(frame), checksumsOf(frame)), 'written')
  t.equal(await archive.putSchema(1, '"long"'), 'written')
  t.ok((await archive.getAlert('1234567'))?.equals(frame))
  t.equal(await archive.getSchema(1), '"long"')
  t.strictSame(await collect(store.list('')), ['v2/alerts/123456/1234567.avro.gz', 'v2/schemas/1.json'])
  await archive.close()
})
