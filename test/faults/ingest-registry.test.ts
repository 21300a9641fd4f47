// The schema registry fails while the ingester runs.
import { join } from 'node:path'
import t from 'tap'
import { freePorts, startRegistry } from '../../src/devstack/index.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { alertRecords, ingestArgs, judgedByPython, recordsOf, registerAlerts, registryDouble, whileRunning } from '../modes/archive-support.ts'
import { cache, startCli, tempDir, uniqueName, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

for (const [how, behaviour] of Object.entries({
  'is down': 'down',
  'answers 503': response => { response.writeHead(503).end('busy') },
  'refuses access': response => { response.writeHead(401, { 'content-type': 'application/json' }).end('{"error_code":40101,"message":"no"}') },
  'is a proxy without its registry': response => { response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>not found</h1>') }
} satisfies Record<string, Parameters<Awaited<ReturnType<typeof registryDouble>>['set']>[0]>)) {
  await t.test(`while the registry ${how}, alerts wait: none is buried, none is lost`, async t => {
    const at = { kafka, registry, topic: uniqueName('ingest'), group: uniqueName('g'), dead: uniqueName('dead'), root: join(await tempDir(t), 'store') }
    await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
    const double = await registryDouble(t, registry)
    double.set(behaviour)
    const records = alertRecords(alerts, 10, 2)
    await produce(connection, at.topic, records)
    const ingest = startCli(t, ingestArgs({ ...at, registry: double.url }, '--limit', '10'))
    await whileRunning(ingest, () => /attempt failed; retrying/.test(ingest.stderr) && double.asked > 2)
    t.notOk((await admin.committed(at.group, at.topic)).some(offset => offset !== undefined && offset > 0n))
    double.set('up')
    const { code, stdout, stderr } = await ingest.finished
    t.equal(code, 0, stderr)
    t.equal(stdout, 'archived 10 alerts: 10 written, 0 there already, 0 dead letters\n')
    t.strictSame(judgedByPython(at.root, records), [])
    t.equal((await recordsOf(connection, at.dead)).length, 0)
  })
}

await t.test('a registry that is restarted is waited for', async t => {
  const at = { kafka, registry, topic: uniqueName('ingest'), group: uniqueName('g'), dead: uniqueName('dead'), root: join(await tempDir(t), 'store') }
  await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
  const [port = 0] = await freePorts(1)
  const options = { ...cache(), dataDir: join(await tempDir(t), 'registry'), port }
  const first = await startRegistry(options)
  t.teardown(() => first.kill())
  const ours = await registerAlerts(first.url)
  await first.stop()
  const records = alertRecords(ours, 20, 2)
  await produce(connection, at.topic, records)
  const ingest = startCli(t, ingestArgs({ ...at, registry: first.url }, '--limit', '20'))
  await whileRunning(ingest, () => /attempt failed; retrying/.test(ingest.stderr))
  const second = await startRegistry(options)
  t.teardown(() => second.kill())
  const { code, stdout, stderr } = await ingest.finished
  t.equal(code, 0, stderr.slice(-2000))
  t.equal(stdout, 'archived 20 alerts: 20 written, 0 there already, 0 dead letters\n')
  t.strictSame(judgedByPython(at.root, records), [])
  t.equal((await recordsOf(connection, at.dead)).length, 0)
})
