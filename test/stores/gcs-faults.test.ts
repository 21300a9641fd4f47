// Requests to Google Cloud Storage with every kind of network failure, and with the responses that only Cloud Storage sends.
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { isDownload, isUpload, type Fault } from '../support/fault-proxy.ts'
import { useGcs } from '../support/stack.ts'
import { behindProxy, bucketFaults, fatal, temporary, type FaultyService } from './bucket-faults.ts'
import { gz, meta } from './contract.ts'

const gcs = await useGcs(t)
const service: FaultyService = {
  name: 'gs',
  upload: 'lean',
  server: gcs.url,
  at: url => ({ emulatorHost: url }),
  bucket: gcs.bucket,
  isUpload,
  isDownload,
  checksumRejection: errorResponse(400, 'Provided CRC32C "AAAAAA==" doesn\'t match calculated CRC32C "BBBBBB==".')
}

/** Runs a test for each client that can send the uploads. */
async function withEachUpload (title: string, body: (t: Test, service: FaultyService) => Promise<void>): Promise<void> {
  for (const upload of ['lean', 'sdk'] as const) await t.test(`${upload}: ${title}`, async t => body(t, { ...service, upload }))
}

/** An error response in the format of Cloud Storage. */
function errorResponse (code: number, message: string, reason?: string): Fault {
  const errors = reason === undefined ? {} : { errors: [{ message, domain: 'global', reason }] }
  return { status: code, body: JSON.stringify({ error: { code, message, ...errors } }) }
}

for (const upload of ['lean', 'sdk'] as const) await bucketFaults(t, { ...service, upload })

const account = 'alertdb-writer@p.iam.gserviceaccount.com'
const cannotReplace = [
  errorResponse(403, `${account} does not have storage.objects.delete access to the Google Cloud Storage object. ` +
    'Permission \'storage.objects.delete\' denied on resource (or it may not exist).', 'forbidden'),
  errorResponse(403, 'Object \'b/p/a.gz\' is subject to bucket\'s retention policy or object retention and cannot be deleted or ' +
    'overwritten until 2036-11-24T12:00:00-08:00', 'retentionPolicyNotMet'),
  errorResponse(403, 'Object \'b/p/a.gz\' is under active Temporary hold and cannot be deleted, overwritten or archived until hold is ' +
    'removed.', 'forbidden')
] as const
const cannotCreate = errorResponse(
  403, `${account} does not have storage.objects.create access to the Google Cloud Storage object.`, 'forbidden')

const title403 = '403 for an object that may not be replaced is like 412: the put gives "identical" or rejects with a conflict'
await withEachUpload(title403, async (t, service) => {
  const { store, proxy, direct } = await behindProxy(t, service)
  const other = Buffer.from('another alert')
  await direct.put('a.gz', gz, meta)
  for (const fault of cannotReplace) {
    proxy.fail(fault, 1, isUpload)
    t.equal(await store.put('a.gz', gz, meta), 'identical')
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('a.gz', gzipSync(other), { ...meta, ...checksumsOf(other) }), { code: 'ARCHIVE_CONFLICT' })
    proxy.fail(fault, 1, isUpload)
    await t.rejects(store.put('new.gz', gz, meta), { ...fatal, code: 'STORE_BUCKET_DENIED' }, '403 for a missing object')
  }
  proxy.fail(cannotCreate, 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...fatal, code: 'STORE_BUCKET_DENIED' }, 'the account may not create objects')
  proxy.fail(errorResponse(403, 'The rate of changes to the object exceeds the rate limit.', 'rateLimitExceeded'), 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE' })
  t.ok((await direct.get('a.gz'))?.body.equals(gz))
})

await withEachUpload('an intact object is kept if only the response to its upload was damaged', async (t, service) => {
  const { store, proxy, direct } = await behindProxy(t, service)
  await direct.put('a.gz', gz, meta)
  const listing = await fetch(`${gcs.url}/storage/v1/b/${new URL(store.url).host}/o`)
  const { generation } = (await listing.json() as { readonly items: ReadonlyArray<{ readonly generation: string }> }).items[0]!
  proxy.fail({ status: 200, body: JSON.stringify({ crc32c: 'AAAAAA==', generation }) }, 1, isUpload)
  t.equal(await store.put('a.gz', gz, meta), 'written')
  t.equal(proxy.seen.some(({ method }) => method === 'DELETE'), false)
  // The object is also kept if the download that compares it with the upload fails.
  proxy.fail({ status: 200, body: JSON.stringify({ crc32c: 'AAAAAA==', generation }) }, 1, isUpload)
  proxy.fail('damage response', 1, isDownload)
  await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_DAMAGED' })
  t.ok((await direct.get('a.gz'))?.body.equals(gz))
})

await withEachUpload('403 for a rate limit is retryable, and 409 means a concurrent write of the same object', async (t, service) => {
  const { store, proxy, direct } = await behindProxy(t, service)
  proxy.fail(errorResponse(403, 'slow down', 'rateLimitExceeded'), 1, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE' })
  proxy.fail({ status: 409 }, 2, isUpload)
  await t.rejects(store.put('a.gz', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE', message: /existed, but was deleted/ })
  await direct.put('a.gz', gz, meta)
  t.equal(await store.put('a.gz', gz, meta), 'identical')
})
