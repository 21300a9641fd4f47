// Dead letters in a store, written by ingest and create-stream, on a real broker and registry.
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { deadLetterFromJson } from '../../src/dead-letters/dead-letter-json.ts'
import type { DeadLetterRecord } from '../../src/dead-letters/dead-letter.ts'
import { textHeader } from '../../src/kafka/record.ts'
import { openStore } from '../../src/stores/index.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { startCli, tempDir, uniqueName, useGcs, useStack } from '../support/stack.ts'
import { surveySchema } from '../generator/support.ts'
import { alertRecords, archivedIds, idOf, ingestArgs, registerAlerts, storeUrl, whileRunning } from './archive-support.ts'
import { alertFile, alertsOf, linesOf } from './support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const gcs = await useGcs(t)
const environment = { STORAGE_EMULATOR_HOST: gcs.url }

async function setUp (t: Test, kind: 'file' | 'gs' = 'file') {
  const folder = await tempDir(t)
  const deadLetterStore = kind === 'file' ? storeUrl(join(folder, 'dead-letters')) : `gs://${await gcs.bucket()}/some/prefix`
  const root = join(folder, 'store')
  const at = { kafka, registry, topic: uniqueName('ingest'), group: uniqueName('g'), dead: uniqueName('dead'), root, deadLetterStore }
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  return at
}

/** The ingester's command line with a dead-letter store instead of the topic. */
function storeArgs (at: Awaited<ReturnType<typeof setUp>>, ...more: string[]): string[] {
  const args = ingestArgs(at, ...more)
  const topic = args.indexOf('--dead-letter-topic')
  return [...args.slice(0, topic), '--dead-letter-store', at.deadLetterStore, ...args.slice(topic + 2)]
}

async function deadLettersIn (url: string): Promise<Map<string, DeadLetterRecord>> {
  const store = await openStore(url, { access: 'read', emulatorHost: gcs.url })
  const found = new Map<string, DeadLetterRecord>()
  for await (const key of store.list('')) found.set(key, deadLetterFromJson((await store.get(key))!.body, key))
  return found
}

const title = 'stores bad records unchanged, as one object per record even after redelivery, and creates no dead-letter topic'
for (const kind of ['file', 'gs'] as const) await t.test(`${kind}: ${title}`, async t => {
  const at = await setUp(t, kind)
  const [good] = alertRecords(alerts, 1, 1)
  // The records are recent, so that the retention of the topic does not delete them.
  const time = BigInt(Date.now()) - 10_000n
  const bad = [
    { key: null, value: null, headers: [] },
    { key: Buffer.from([1, 255]), value: Buffer.alloc(0), headers: [textHeader('h', '1'), [Buffer.from('h'), null] as const] },
    { key: Buffer.alloc(0), value: Buffer.from('{"diaSourceId": 1}'), headers: [] }
  ].map((record, index) => ({ ...record, partition: 0, timestamp: time + BigInt(index) }))
  await produce(connection, at.topic, [...bad, good!])
  const first = await runMode(storeArgs(at, '--limit', '4'), environment)
  t.match(first, { code: 0, stdout: 'archived 1 alerts: 1 written, 0 already archived, 3 dead letters\n' }, first.stderr)
  t.strictSame(await admin.committed(at.group, at.topic), [4n])
  const stored = await deadLettersIn(at.deadLetterStore)
  const byOffset = [...stored.values()].sort((a, b) => Number(a.origin!.offset - b.origin!.offset))
  const records = byOffset.map(({ key, value, headers, origin }) =>
    ({ key, value, headers, partition: origin!.partition, timestamp: origin!.timestamp }))
  t.strictSame(records, bad)
  t.strictSame(byOffset.map(({ reason, node, position }) => [reason, node, position]), [
    ['FRAME_EMPTY', 'unframe', `${at.topic}[0]@0`],
    ['FRAME_EMPTY', 'unframe', `${at.topic}[0]@1`],
    ['FRAME_BAD_MAGIC', 'unframe', `${at.topic}[0]@2`]
  ])
  const again = await runMode(storeArgs({ ...at, group: uniqueName('g') }, '--limit', '4'), environment)
  t.match(again, { code: 0, stdout: 'archived 1 alerts: 0 written, 1 already archived, 3 dead letters\n' }, again.stderr)
  t.strictSame(await deadLettersIn(at.deadLetterStore), stored)
  const printed = await runMode(['print-stream', '--dead-letter-store', at.deadLetterStore, '--schema-registry-url', registry], environment)
  const lines = linesOf(printed.stdout).map(line => line.split('  ').slice(1, 3))
  t.strictSame(lines, [0, 1, 2].map(offset => [`${at.topic}[0]@${offset}`, 'unframe']))
  t.strictSame(await archivedIds(at.root), [idOf(good!)])
  t.equal(await admin.describeTopic(at.dead), undefined)
})

await t.test('an invalid dead-letter store is an error before a record is read, and a store plus a topic is a usage error', async t => {
  const at = await setUp(t)
  await produce(connection, at.topic, alertRecords(alerts, 2, 1))
  const both = await runMode(storeArgs(at, '--dead-letter-topic', at.dead))
  t.match(both, { code: 2, stdout: '', stderr: /^USAGE_BAD_VALUE: .*both a topic .* and a store/m })
  await t.rejects(readdir(at.root), { code: 'ENOENT' }, 'the ingester rejects the flags before it creates the store folder')
  const nowhere = await runMode([...storeArgs(at), '--dead-letter-store', '/not/a/url'])
  t.match(nowhere, { code: 2, stdout: '', stderr: /^STORE_URL_INVALID/m })
  t.strictSame(await readdir(at.root).catch(() => []), ['.incoming'])
  t.strictSame(await admin.committed(at.group, at.topic), [undefined])
})

await t.test('create-stream stores each dead letter with the datum from the file, and a second load adds no dead letters', async t => {
  const at = await setUp(t)
  const path = await alertFile(t, { version: '8.0', alerts: 3 })
  const target = ['--broker', kafka, '--dst-topic', uniqueName('static'), '--dead-letter-store', at.deadLetterStore]
  const args = ['create-stream', path, '--schema-id', '1', ...target]
  const first = await runMode(args)
  t.match(first, { code: 1, stdout: '', stderr: new RegExp(`^NO_ALERTS: none of 3 .* all alerts are in store ${at.deadLetterStore}`, 'm') })
  const stored = await deadLettersIn(at.deadLetterStore)
  const positions = [...stored.values()].map(({ position, origin }) => [position, origin]).sort()
  t.strictSame(positions, [0, 1, 2].map(index => [`${path}#${index}`, undefined]))
  const schema = await surveySchema('8.0')
  const ids = [...stored.values()].map(({ value }) => String(schema.readAlertId(value!))).sort()
  t.strictSame(ids, [...(await alertsOf(path)).keys()].sort())
  await runMode(args)
  t.strictSame(await deadLettersIn(at.deadLetterStore), stored)
})

await t.test('/readyz checks the dead-letter store, and the store metrics count its calls', async t => {
  const at = await setUp(t)
  const ingest = startCli(t, storeArgs(at, '--admin-port', '0'))
  const [, port] = await ingest.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  const get = async (path: string): Promise<string> => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  const failing = async (): Promise<string[]> => {
    const { checks } = JSON.parse(await get('/readyz')) as { checks: Record<string, string> }
    t.ok('dead-letter-store' in checks)
    return Object.entries(checks).filter(([, answer]) => answer !== 'ok').map(([name, answer]) => `${name} ${answer.split(':')[0]}`)
  }
  await whileRunning(ingest, async () => (await failing()).length === 0)
  const folder = fileURLToPath(at.deadLetterStore)
  await rename(folder, `${folder}.away`)
  t.strictSame(await failing(), ['dead-letter-store STORE_MISSING'])
  await rename(`${folder}.away`, folder)
  t.strictSame(await failing(), [])
  await produce(connection, at.topic, [{ key: null, value: Buffer.from('not an alert'), headers: [], partition: 0 }])
  const count = /^alert_stream_store_operation_seconds_count\{store="dead-letters",operation="put",outcome="written"\} 1$/m
  await whileRunning(ingest, async () => count.test(await get('/metrics')))
  t.equal((await ingest.stop()).code, 0)
})
