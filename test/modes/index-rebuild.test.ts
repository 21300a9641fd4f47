// index --rebuild: the rows from the archive equal those from Kafka, and a second run writes nothing.
import { rm } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { judgeIndex, newIndex, surveyRecords } from '../alert-index/support.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, tempDir, usePython, useStack } from '../support/stack.ts'
import { alertPath, ingestArgs } from './archive-support.ts'

const servers = await useStack(t)
const python = await usePython(t)
const connection = await connect(servers.kafka)
const admin = adminFor(t, connection)

await t.test('rebuilt rows equal the alerts and their records in every column', async t => {
  const at = await newIndex(t, servers)
  const archive = await tempDir(t)
  await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
  const records = await surveyRecords(at.registry, 30, { partitions: 2 })
  await produce(connection, at.topic, records)
  const ingested = await runCli(ingestArgs({ ...at, root: archive, dead: `${at.topic}-dead` }, '--limit', '30'))
  t.equal(ingested.code, 0, ingested.stderr.slice(-2000))
  const list = await runMode(['list', '--alert-store', pathToFileURL(archive).href])
  const id = BigInt(list.stdout.split('\n')[0]!)
  const night = new Date(Date.UTC(2010, 0, 1 + Number((id >> 42n) & 0x3fffn))).toISOString().slice(0, 10).replaceAll('-', '')
  const store = pathToFileURL(at.root).href
  const rebuild = ['index', '--rebuild', '--night', night, '--alert-store', pathToFileURL(archive).href, '--index-store', store]
  for (const _run of ['first', 'second']) {
    t.strictSame(await runMode(rebuild), { code: 0, stdout: 'indexed 30 alerts in 1 segments, 0 failed\n', stderr: '' })
    t.match(await judgeIndex(python, at, { committedOnly: false, ranges: false }), { rows: 30, shown: 30, segments: 1, problems: [] })
  }
  await rm(alertPath(archive, String(id)))
  const fewer = await runMode(rebuild)
  t.equal(fewer.stdout, 'indexed 29 alerts in 1 segments, 0 failed\n')
})

await t.test('flags that contradict each other are usage errors', async t => {
  const store = ['--index-store', 'file:///index']
  for (const [args, error] of [
    [[], /^USAGE_MISSING: .*--index-store/], [[...store, '--night', '20260224'], /^USAGE_BAD_VALUE: --night needs --rebuild/],
    [[...store, '--rebuild', '--night', '20260224,20260229', '--alert-store', 'file:///a'], /^USAGE_BAD_VALUE: --night is '20260229'/],
    [[...store, '--rebuild'], /^USAGE_MISSING: --rebuild needs --night/],
    [[...store, '--rebuild', '--night', '20260224'], /^USAGE_MISSING: --rebuild needs --alert-store/]
  ] as const) t.match(await runMode(['index', ...args]), { code: 2, stderr: error })
})
