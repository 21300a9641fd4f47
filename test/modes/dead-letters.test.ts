// Dead letters in a store, of the modes that have some, on a real broker and registry.
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

async function place (t: Test, kind: 'file' | 'gs' = 'file') {
  const folder = await tempDir(t)
  const letters = kind === 'file' ? storeUrl(join(folder, 'letters')) : `gs://${await gcs.bucket()}/some/prefix`
  const at = { kafka, registry, topic: uniqueName('ingest'), group: uniqueName('g'), dead: uniqueName('dead'), root: join(folder, 'store'), letters }
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  return at
}

/** The ingester's flags with a store in place of the topic. */
function storeArgs (at: Awaited<ReturnType<typeof place>>, ...more: string[]): string[] {
  const args = ingestArgs(at, ...more)
  const topic = args.indexOf('--dead-letter-topic')
  return [...args.slice(0, topic), '--dead-letter-store', at.letters, ...args.slice(topic + 2)]
}

async function lettersIn (url: string): Promise<Map<string, DeadLetterRecord>> {
  const store = await openStore(url, { access: 'read', emulatorHost: gcs.url })
  const letters = new Map<string, DeadLetterRecord>()
  for await (const key of store.list('')) letters.set(key, deadLetterFromJson((await store.get(key))!.body, key))
  return letters
}

for (const kind of ['file', 'gs'] as const) await t.test(`${kind}: records that are no alerts become objects, exactly as they came; delivered again, there is no second one, and no topic is made`, async t => {
  const at = await place(t, kind)
  const [good] = alertRecords(alerts, 1, 1)
  // Of a week ago, retention would take them.
  const time = BigInt(Date.now()) - 10_000n
  const bad = [
    { key: null, value: null, headers: [] },
    { key: Buffer.from([1, 255]), value: Buffer.alloc(0), headers: [textHeader('h', '1'), [Buffer.from('h'), null] as const] },
    { key: Buffer.alloc(0), value: Buffer.from('{"diaSourceId": 1}'), headers: [] }
  ].map((record, index) => ({ ...record, partition: 0, timestamp: time + BigInt(index) }))
  await produce(connection, at.topic, [...bad, good!])
  const first = await runMode(storeArgs(at, '--limit', '4'), environment)
  t.match(first, { code: 0, stdout: 'archived 1 alerts: 1 written, 0 there already, 3 dead letters\n' }, first.stderr)
  t.strictSame(await admin.committed(at.group, at.topic), [4n])
  const letters = await lettersIn(at.letters)
  const byOffset = [...letters.values()].sort((a, b) => Number(a.origin!.offset - b.origin!.offset))
  t.strictSame(byOffset.map(({ key, value, headers, origin }) => ({ key, value, headers, partition: origin!.partition, timestamp: origin!.timestamp })), bad)
  t.strictSame(byOffset.map(({ reason, node, position }) => [reason, node, position]), [
    ['FRAME_EMPTY', 'unframe', `${at.topic}[0]@0`], ['FRAME_EMPTY', 'unframe', `${at.topic}[0]@1`], ['FRAME_BAD_MAGIC', 'unframe', `${at.topic}[0]@2`]
  ])
  const again = await runMode(storeArgs({ ...at, group: uniqueName('g') }, '--limit', '4'), environment)
  t.match(again, { code: 0, stdout: 'archived 1 alerts: 0 written, 1 there already, 3 dead letters\n' }, again.stderr)
  t.strictSame(await lettersIn(at.letters), letters)
  const printed = await runMode(['print-stream', '--dead-letter-store', at.letters, '--schema-registry-url', registry], environment)
  t.strictSame(linesOf(printed.stdout).map(line => line.split('  ').slice(1, 3)), [0, 1, 2].map(offset => [`${at.topic}[0]@${offset}`, 'unframe']))
  t.strictSame(await archivedIds(at.root), [idOf(good!)])
  t.equal(await admin.describeTopic(at.dead), undefined)
})

await t.test('a store of dead letters that cannot be one is refused before anything is read; with a topic too it is wrong usage', async t => {
  const at = await place(t)
  await produce(connection, at.topic, alertRecords(alerts, 2, 1))
  const both = await runMode(storeArgs(at, '--dead-letter-topic', at.dead))
  t.match(both, { code: 2, stdout: '', stderr: /^USAGE_BAD_VALUE: .*both a topic .* and a store/m })
  const nowhere = await runMode([...storeArgs(at), '--dead-letter-store', '/not/a/url'])
  t.match(nowhere, { code: 1, stdout: '', stderr: /^STORE_URL_INVALID/m })
  t.strictSame(await readdir(at.root).catch(() => []), ['.incoming'])
  t.strictSame(await admin.committed(at.group, at.topic), [undefined])
})

await t.test('create-stream leaves letters in a store too: the datum as it is in the file, and loading again adds none', async t => {
  const at = await place(t)
  const path = await alertFile(t, { version: '8.0', alerts: 3 })
  const args = ['create-stream', path, '--broker', kafka, '--dst-topic', uniqueName('static'), '--schema-id', '1', '--dead-letter-store', at.letters]
  const first = await runMode(args)
  t.match(first, { code: 1, stdout: '', stderr: new RegExp(`^NO_ALERTS: none of 3 alerts .* all are in store ${at.letters}`, 'm') })
  const letters = await lettersIn(at.letters)
  t.strictSame([...letters.values()].map(({ position, origin }) => [position, origin]).sort(), [0, 1, 2].map(index => [`${path}#${index}`, undefined]))
  const schema = await surveySchema('8.0')
  t.strictSame([...letters.values()].map(({ value }) => String(schema.readAlertId(value!))).sort(), [...(await alertsOf(path)).keys()].sort())
  await runMode(args)
  t.strictSame(await lettersIn(at.letters), letters)
})

await t.test('the store of dead letters is named by /readyz, and its calls are among the stores\' metrics', async t => {
  const at = await place(t)
  const ingest = startCli(t, storeArgs(at, '--admin-port', '0'))
  const [, port] = await ingest.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  const ask = async (path: string): Promise<string> => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  const failing = async (): Promise<string[]> => {
    const { checks } = JSON.parse(await ask('/readyz')) as { checks: Record<string, string> }
    t.ok('dead-letter-store' in checks)
    return Object.entries(checks).filter(([, answer]) => answer !== 'ok').map(([name, answer]) => `${name} ${answer.split(':')[0]}`)
  }
  await whileRunning(ingest, async () => (await failing()).length === 0)
  const folder = fileURLToPath(at.letters)
  await rename(folder, `${folder}.away`)
  t.strictSame(await failing(), ['dead-letter-store STORE_MISSING'])
  await rename(`${folder}.away`, folder)
  t.strictSame(await failing(), [])
  await produce(connection, at.topic, [{ key: null, value: Buffer.from('no alert'), headers: [], partition: 0 }])
  const count = /^alert_stream_store_operation_seconds_count\{store="dead-letters",operation="put",outcome="written"\} 1$/m
  await whileRunning(ingest, async () => count.test(await ask('/metrics')))
  t.equal((await ingest.stop()).code, 0)
})
