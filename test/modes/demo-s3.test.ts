// The demo with its archive in buckets of the S3 server, and an existing Kafka and registry.
import { join } from 'node:path'
import t from 'tap'
import { runCli, tempDir, useOwnKafka, useS3, useStack } from '../support/stack.ts'
import { exists, leftovers } from './demo-support.ts'

const { registry } = await useStack(t)
// The demo must ignore settings in the user's environment that are meant for other commands.
const userSettings = { ALERT_STREAM_S3_ENDPOINT_URL: (await useS3(t)).url, AWS_PROFILE: 'other', ALERT_STREAM_ALERT_STORE: 's3://other' }

await t.test('the smoke test passes with S3 buckets and leaves no process or folder behind', async t => {
  const { broker } = await useOwnKafka(t)
  const stateDir = join(await tempDir(t), 'smoke')
  const { code, stdout, stderr } = await runCli([
    'demo', '--smoke', '--store', 's3', '--alerts', '40', '--port', '0', '--state-dir', stateDir,
    '--broker', broker, '--schema-registry-url', registry
  ], { env: userSettings })
  t.equal(code, 0, stdout + stderr)
  t.match(stdout, /^Archive +s3:\/\/demo-alerts\n +schemas s3:\/\/demo-schemas; --s3-endpoint-url http:\/\/127\.0\.0\.1:\d+;/m)
  t.equal(stdout.trimEnd().split('\n').at(-1), 'smoke: 40 published, 40 archived, 40 served, 0 differ')
  t.notOk(await exists(stateDir))
  t.strictSame(await leftovers(stateDir), [])
})
