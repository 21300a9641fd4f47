// The schema registry fails while the ingester runs. Alerts wait, and no alert is dead-lettered.
import { join } from 'node:path'
import t from 'tap'
import { headerText } from '../../src/kafka/record.ts'
import { freePorts, startRegistry } from '../../src/devstack/index.ts'
import { persist } from '../../src/pipeline/index.ts'
import { adminFor, connect, everyRecord, produce } from '../kafka/support.ts'
import {
  alertRecords, ingestArgs, newTarget, pythonMismatches, registerAlerts, registryProxy, whileRunning
} from '../modes/archive-support.ts'
import { cache, startCli, tempDir, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

type Behaviour = Parameters<Awaited<ReturnType<typeof registryProxy>>['set']>[0]
const respond = (status: number, type: string, body: string): Behaviour => response => {
  response.writeHead(status, { 'content-type': type }).end(body)
  return true
}

for (const [failure, behaviour] of Object.entries({
  'is down': 'down',
  'responds 503': respond(503, 'text/plain', 'busy'),
  'denies access': respond(401, 'application/json', '{"error_code":40101,"message":"no"}'),
  'is a web server without a registry': respond(404, 'text/html', '<h1>not found</h1>')
} satisfies Record<string, Behaviour>)) {
  await t.test(`alerts wait while the registry ${failure}; no alert is dead-lettered or lost`, async t => {
    const at = await newTarget(t, { kafka, registry })
    await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
    const proxy = await registryProxy(t, registry)
    proxy.set(behaviour)
    const records = alertRecords(alerts, 10, 2)
    await produce(connection, at.topic, records)
    const ingest = startCli(t, ingestArgs({ ...at, registry: proxy.url }, '--limit', '10'))
    await whileRunning(ingest, () => /attempt failed; retrying/.test(ingest.stderr) && proxy.requests > 2)
    t.notOk((await admin.committed(at.group, at.topic)).some(offset => offset !== undefined && offset > 0n))
    proxy.set('up')
    const { code, stdout, stderr } = await ingest.finished
    t.equal(code, 0, stderr)
    t.equal(stdout, 'archived 10 alerts: 10 written, 0 already archived, 0 dead letters\n')
    t.strictSame(pythonMismatches(at.root, records), [])
    t.equal((await everyRecord(connection, at.dead)).length, 0)
  })
}

await t.test('a bad response for one schema id dead-letters only the records with this id, also after a restart', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
  const proxy = await registryProxy(t, registry)
  const [damaged, fine] = [await registerAlerts(registry), alerts]
  proxy.set((response, path) => {
    if (path.endsWith(`/ids/${damaged.schemaId}`)) response.writeHead(500).end('{"error_code":50001,"message":"one schema is damaged"}')
    return path.endsWith(`/ids/${damaged.schemaId}`)
  })
  const above = Buffer.from(fine.frame(7n))
  above.writeUInt32BE(2 ** 31 + 5, 1)
  const records = alertRecords(fine, 10, 2)
  const bad = [...alertRecords(damaged, 30, 2), { key: null, value: above, headers: [], partition: 0 }]
  await produce(connection, at.topic, [...bad, ...records])
  const args = ingestArgs({ ...at, registry: proxy.url }, '--limit', '41', '--unknown-schema-seconds', '3')
  const { code, stdout, stderr } = await startCli(t, args).finished
  t.equal(code, 0, stderr)
  t.equal(stdout, 'archived 10 alerts: 10 written, 0 already archived, 31 dead letters\n')
  t.strictSame(pythonMismatches(at.root, records), [])
  const dead = await everyRecord(connection, at.dead)
  t.strictSame(new Set(dead.map(letter => headerText(letter, 'dead-letter-reason'))), new Set(['UNKNOWN_SCHEMA']))
  await produce(connection, at.topic, alertRecords(fine, 5, 2, 1n))
  const again = await startCli(t, ingestArgs({ ...at, registry: proxy.url }, '--limit', '5')).finished
  t.equal(again.stdout, 'archived 5 alerts: 5 written, 0 already archived, 0 dead letters\n', again.stderr)
})

await t.test('alerts wait while the registry restarts', async t => {
  const at = await newTarget(t, { kafka, registry })
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
  // While the registry is down, another process may take its port for a short time.
  const second = await persist(() => startRegistry(options), { attempts: 20, baseMs: 1000, maxMs: 1000, retryable: () => true })
  t.teardown(() => second.kill())
  const { code, stdout, stderr } = await ingest.finished
  t.equal(code, 0, stderr.slice(-2000))
  t.equal(stdout, 'archived 20 alerts: 20 written, 0 already archived, 0 dead letters\n')
  t.strictSame(pythonMismatches(at.root, records), [])
  t.equal((await everyRecord(connection, at.dead)).length, 0)
})
