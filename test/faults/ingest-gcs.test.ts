import t from 'tap'
import { isUpload } from '../support/fault-proxy.ts'
import { useGcs } from '../support/stack.ts'
import { ingestIntoBuckets } from './ingest-buckets.ts'

const gcs = await useGcs(t)
const message = 'writer@rubin.iam does not have storage.objects.create access'

await ingestIntoBuckets({
  name: 'gs',
  server: gcs.url,
  bucket: gcs.bucket,
  at: url => ({ emulatorHost: url }),
  environment: url => ({ STORAGE_EMULATOR_HOST: url }),
  flags: ({ alerts, schemas }) => [
    '--backend', 'google-cloud', '--gcp-project', 'rubin', '--gcp-bucket-alerts', alerts, '--gcp-bucket-schemas', schemas
  ],
  isUpload,
  emptyUploadResponse: false,
  bucketOf: ({ url }) => url.split('/')[5],
  denied: { status: 403, body: JSON.stringify({ error: { code: 403, message } }) },
  deniedLine: /^STORE_BUCKET_DENIED: .*403.* writer@rubin\.iam does not have storage\.objects\.create access.*Grant .*objectCreator/
})
