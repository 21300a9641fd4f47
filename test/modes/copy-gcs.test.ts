// copy from and to buckets: metadata, the number of requests of a repeated run, and a store that fails for a while.
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { schemaKey, alertKey } from '../../src/stores/layouts.ts'
import { faultProxy, type SeenRequest } from '../support/fault-proxy.ts'
import { useGcs } from '../support/stack.ts'
import { copy, folder, frameOf, idsOf, metaOf, objectOf, objectsIn, schemaId, schemaText } from './copy-support.ts'

const gcs = await useGcs(t)
const ids = idsOf('20260224', 40)
const objects = new Map(await Promise.all(ids.map(async (id, n) => [id, await objectOf(frameOf(id), BigInt(n))] as const)))
const from = await folder(t)
for (const id of ids) await from.store.put(alertKey('v2', id), objects.get(id)!, metaOf(frameOf(id)))
const schema = Buffer.from(schemaText)
await from.store.put(schemaKey('v2', schemaId), schema, metaOf(schema, 'application/json'))

interface Resource { readonly contentType: string, readonly contentEncoding?: string, readonly metadata: Record<string, string> }

async function resourceOf (bucket: string, key: string): Promise<Resource> {
  const response = await fetch(`${gcs.url}/storage/v1/b/${bucket}/o/${encodeURIComponent(key)}`)
  return await response.json() as Resource
}

const isUpload = ({ method, url }: SeenRequest) => method === 'POST' && url.includes('/upload/')
const isDownload = ({ method, url, headers }: SeenRequest) => method === 'GET' && url.includes('alt=media') && headers.range === undefined

await t.test('from a folder to a bucket, to a bucket with another layout, and back: same bytes, metadata of the frame', async t => {
  const [first, second] = [await gcs.bucket(), await gcs.bucket()]
  const environment = { STORAGE_EMULATOR_HOST: gcs.url }
  const back = await folder(t)
  const counts = { code: 0, report: { complete: true, copied: ids.length, copiedSchemas: 1, present: 0, problems: [] } }
  t.match(await copy(['--from', from.url, '--to', `gs://${first}/some/prefix`, '--layout', 'v2'], environment), counts)
  t.match(await copy(['--from', `gs://${first}/some/prefix`, '--to', `gs://${second}`, '--layout', 'v3'], environment), counts)
  t.match(await copy(['--from', `gs://${second}`, '--to', back.url, '--layout', 'v2'], environment), counts)
  t.strictSame(await objectsIn(back.store), await objectsIn(from.store))
  for (const [bucket, key] of [[first, `some/prefix/${alertKey('v2', ids[0]!)}`], [second, alertKey('v3', ids[0]!)]] as const) {
    const { crc32c, sha256 } = metaOf(frameOf(ids[0]!))
    const { contentType, contentEncoding, metadata } = await resourceOf(bucket, key)
    t.strictSame([contentType, contentEncoding], ['application/gzip', undefined])
    t.strictSame(Object.values(metadata).sort(), [crc32c.toString(16).padStart(8, '0'), sha256].sort())
  }
  t.equal((await resourceOf(second, schemaKey('v3', schemaId))).contentType, 'application/json')
})

await t.test('a repeated run downloads and uploads only what is missing', async t => {
  const bucket = await gcs.bucket()
  const proxy = await faultProxy(t, gcs.url)
  const environment = { STORAGE_EMULATOR_HOST: proxy.url }
  const target = await gcs.bucket()
  t.match(await copy(['--from', from.url, '--to', `gs://${bucket}`, '--layout', 'v2'], environment), { code: 0 })
  const args = ['--from', `gs://${bucket}`, '--to', `gs://${target}`, '--layout', 'v3']
  const count = (match: (request: SeenRequest) => boolean, since: number) => proxy.seen.slice(since).filter(match).length
  const start = proxy.seen.length
  t.match(await copy(args, environment), { code: 0, report: { copied: ids.length } })
  t.strictSame([count(isUpload, start), count(isDownload, start)], [ids.length + 1, ids.length + 1])
  for (const id of ids.slice(0, 3)) {
    await fetch(`${gcs.url}/storage/v1/b/${target}/o/${encodeURIComponent(alertKey('v3', id))}`, { method: 'DELETE' })
  }
  const again = proxy.seen.length
  t.match(await copy(args, environment), { code: 0, report: { copied: 3, present: ids.length - 2 } })
  t.strictSame([count(isUpload, again), count(isDownload, again)], [3, 3])
})

await t.test('stores that fail for a while: reads and writes are retried, and every object arrives', async t => {
  const proxy = await faultProxy(t, gcs.url)
  const environment = { STORAGE_EMULATOR_HOST: proxy.url }
  const [bucket, target] = [await gcs.bucket(), await gcs.bucket()]
  proxy.fail({ status: 503 }, 5, isUpload)
  proxy.fail('lose response', 3, isUpload)
  t.match(await copy(['--from', from.url, '--to', `gs://${bucket}`], environment), { code: 0, report: { problems: [] } })
  proxy.fail('damage response', 4, isDownload)
  proxy.fail('reset', 3, isDownload)
  const { code, stderr, report } = await copy(['--from', `gs://${bucket}`, '--to', `gs://${target}`, '--layout', 'v3'], environment)
  t.equal(code, 0, stderr)
  t.match(report, { complete: true, problems: [], copied: ids.length })
  t.equal(proxy.failed, 15)
  const back = await folder(t)
  t.match(await copy(['--from', `gs://${target}`, '--to', back.url, '--layout', 'v1'], { STORAGE_EMULATOR_HOST: gcs.url }), { code: 0 })
  for (const [key, body] of await objectsIn(back.store)) {
    const id = /(\d+)\.avro\.gz$/.exec(key)?.[1]
    if (id !== undefined) t.strictSame(gunzipSync(body), frameOf(id))
  }
})

await t.test('a bucket that does not exist or denies access ends the copy with its own error, and no object is reported', async t => {
  const environment = { STORAGE_EMULATOR_HOST: gcs.url }
  const { code, stderr, report } = await copy(['--from', from.url, '--to', 'gs://no-such-bucket-here'], environment)
  t.match([code, stderr, report], [1, /^STORE_BUCKET_MISSING/, undefined])
  const proxy = await faultProxy(t, gcs.url)
  proxy.fail({ status: 403, body: '{"error":{"message":"denied"}}' }, 1, isUpload)
  const denied = await copy(['--from', from.url, '--to', `gs://${await gcs.bucket()}`], { STORAGE_EMULATOR_HOST: proxy.url })
  t.match(denied, { code: 1, stderr: /^STORE_BUCKET_DENIED/, report: { complete: false, problems: [] } })
})
