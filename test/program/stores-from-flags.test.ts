import t from 'tap'
import { s3WriteFlags, storeFlags } from '../../src/config/common.ts'
import { parseCommandLine } from '../../src/config/parse.ts'
import { bucketOptions, storeUrls } from '../../src/program/stores-from-flags.ts'

const configOf = (...args: string[]) => parseCommandLine({ mode: 'serve', flags: { ...storeFlags, ...s3WriteFlags } }, args, {}).config

await t.test('the bucket flags of the S3 ingester name S3 stores, and schemas are in the alert store by default', async t => {
  t.strictSame(storeUrls(configOf('--bucket-alerts', 'a', '--bucket-schemas', 's')), { alerts: 's3://a', schemas: 's3://s' })
  t.strictSame(storeUrls(configOf('--bucket-alerts', 'a')), { alerts: 's3://a', schemas: 's3://a' })
  t.strictSame(storeUrls(configOf('--gcp-bucket-alerts', 'a')), { alerts: 'gs://a', schemas: 'gs://a' })
  t.strictSame(storeUrls(configOf('--alert-store', 's3://x/p', '--bucket-alerts', 'a')).alerts, 's3://x/p')
  t.throws(() => storeUrls(configOf()), { code: 'STORE_NOT_GIVEN' })
})

await t.test('AWS_REGION applies to a service with an endpoint of its own, and --s3-region takes precedence', async t => {
  const endpoint = ['--endpoint-url', 'https://s3.example.org']
  t.match(bucketOptions(configOf(...endpoint), { AWS_REGION: 'here' }).s3, {
    endpoint: 'https://s3.example.org', region: 'here', pathStyle: false, allowOverwrite: false
  })
  t.equal(bucketOptions(configOf('--s3-allow-overwrite'), {}).s3?.allowOverwrite, true)
  t.equal(bucketOptions(configOf(...endpoint), {}).s3?.region, undefined)
  t.equal(bucketOptions(configOf(...endpoint, '--s3-region', 'there'), { AWS_REGION: 'here' }).s3?.region, 'there')
  t.equal(bucketOptions(configOf('--s3-path-style'), { AWS_REGION: 'here' }).s3?.region, undefined, 'the SDK reads AWS_REGION itself')
})
