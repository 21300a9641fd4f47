// The demo with its archive in buckets of the storage emulator, and an existing Kafka and registry.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { DemoFile } from '../../src/demo/state-folder.ts'
import { createArchive, openStore } from '../../src/stores/index.ts'
import { runCli, tempDir, useGcs, useOwnKafka, useStack } from '../support/stack.ts'
import { archivedIds } from './archive-support.ts'
import { countsIn, exists, leftovers, readServers, startDemo, type RunningDemo } from './demo-support.ts'

const { registry } = await useStack(t)
// The demo must ignore settings in the user's environment that are meant for other commands.
const userSettings = { STORAGE_EMULATOR_HOST: (await useGcs(t)).url, ALERT_STREAM_ALERT_STORE: 'gs://other' }

await t.test('the smoke test passes with buckets and leaves no process or folder behind', async t => {
  const { broker } = await useOwnKafka(t)
  const stateDir = join(await tempDir(t), 'smoke')
  const { code, stdout, stderr } = await runCli([
    'demo', '--smoke', '--store', 'gs', '--alerts', '40', '--port', '0', '--state-dir', stateDir,
    '--broker', broker, '--schema-registry-url', registry
  ], { env: userSettings })
  t.equal(code, 0, stdout + stderr)
  t.match(stdout, /^Archive +gs:\/\/demo-alerts\n +schemas gs:\/\/demo-schemas; STORAGE_EMULATOR_HOST=http:\/\/127\.0\.0\.1:\d+$/m)
  t.equal(stdout.trimEnd().split('\n').at(-1), 'smoke: 40 published, 40 archived, 40 served, 0 differ')
  t.notOk(await exists(stateDir))
  t.strictSame(await leftovers(stateDir), [])
})

const { broker } = await useOwnKafka(t)
const stateDir = join(await tempDir(t), 'state')
// The interval of 600 s is long enough for a single pass on a slow machine.
const args = ['--alerts', '20', '--interval', '600', '--broker', broker, '--schema-registry-url', registry]
const start = (...more: string[]): RunningDemo => startDemo(t, stateDir, [...args, ...more], userSettings)

async function firstVisit (demo: RunningDemo): Promise<ReturnType<typeof countsIn>> {
  const [line] = await demo.waitFor(/^visit \d+: .*$/m)
  return countsIn(line)
}

await t.test('demo.json names the buckets and the emulator, and alerts and schemas are served unchanged from separate buckets', async t => {
  const demo = start('--store', 'gs')
  t.strictSame(await firstVisit(demo), { archived: 20, fresh: 20 })
  const file = JSON.parse(await readFile(join(stateDir, 'demo.json'), 'utf8')) as DemoFile
  t.strictSame(file.archive, { alerts: 'gs://demo-alerts', schemas: 'gs://demo-schemas' })
  t.match(file.storageEmulator, /^http:\/\/127\.0\.0\.1:\d+$/)
  t.not(file.storageEmulator, userSettings.STORAGE_EMULATOR_HOST)
  const names = async (bucket: string): Promise<string[]> => {
    const { items } = await (await fetch(`${file.storageEmulator}/storage/v1/b/${bucket}/o`)).json() as { items: { name: string }[] }
    return items.map(({ name }) => name)
  }
  t.match(await names('demo-schemas'), [/^v2\/schemas\/\d+\.json$/])
  const alerts = await names('demo-alerts')
  t.equal(alerts.length, 20)
  t.ok(alerts.every(name => /^v2\/alerts\/\d{1,6}\/\d+\.avro\.gz$/.test(name)))
  const store = await openStore(file.archive.alerts, { access: 'read', emulatorHost: file.storageEmulator })
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  const id = /(\d+)\.avro/.exec(alerts[0]!)![1]!
  const served = Buffer.from(await (await fetch(`${file.api}/v1/alerts/${id}`)).arrayBuffer())
  t.ok((await archive.getAlert(id))?.equals(served))

  const servers = await readServers(stateDir)
  t.ok(servers.has('gcs'))
  demo.signal('SIGINT')
  t.equal(await demo.finished, 0, demo.stderr)
  t.strictSame(await leftovers(stateDir, servers), [])
})

await t.test('a start without --store gs keeps the buckets, and a start with --store gs keeps the archive folder', async t => {
  const files = start('--passes', '1')
  t.strictSame(await firstVisit(files), { archived: 20, fresh: 20 })
  t.equal(await files.finished, 0, files.stderr)
  t.equal((await archivedIds(join(stateDir, 'archive'))).length, 20)
  t.notOk((await readServers(stateDir)).has('gcs'))

  const buckets = start('--store', 'gs')
  t.strictSame(await firstVisit(buckets), { archived: 20, fresh: 0 })
  const servers = await readServers(stateDir)
  buckets.signal('SIGKILL')
  t.equal(await buckets.finished, null)

  const again = start('--store', 'gs', '--passes', '1')
  t.match(await firstVisit(again), { fresh: 0 }, 'the next start stops the servers of the killed demo and keeps the objects in the buckets')
  t.equal(await again.finished, 0, again.stderr)
  t.strictSame(await leftovers(stateDir, servers), [])
})
