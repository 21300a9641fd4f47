import t from 'tap'
import { s3Credentials } from '../../src/devstack/index.ts'
import { isS3Upload } from '../support/fault-proxy.ts'
import { useS3 } from '../support/stack.ts'
import { ingestIntoBuckets } from './ingest-buckets.ts'

const s3 = await useS3(t)

await ingestIntoBuckets({
  name: 's3',
  server: s3.url,
  bucket: s3.bucket,
  at: url => ({ s3: { endpoint: url, credentials: s3Credentials } }),
  environment: url => ({ ...s3.env, ALERT_STREAM_ENDPOINT_URL: url }),
  flags: ({ alerts, schemas }) => ['--bucket-alerts', alerts, '--bucket-schemas', schemas],
  isUpload: isS3Upload,
  emptyUploadResponse: true,
  bucketOf: ({ url }) => url.split('/')[1],
  denied: {
    status: 403, body: '<Error><Code>AccessDenied</Code><Message>no s3:PutObject for writer</Message></Error>',
    headers: { 'content-type': 'application/xml' }
  },
  deniedLine: /^STORE_BUCKET_DENIED: .*403, AccessDenied: no s3:PutObject for writer.*Grant .*s3:PutObject/
})
