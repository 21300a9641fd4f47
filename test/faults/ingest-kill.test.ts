// Kills the ingester with SIGKILL at random moments. After a restart, no alert is missing.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { adminFor, connect, eventually, everyRecord, produce } from '../kafka/support.ts'
import {
  alertRecords, archivedIds, idOf, ingestArgs, joinedBy, newTarget, pythonMismatches, registerAlerts, registryProxy, whileRunning
} from '../modes/archive-support.ts'
import { randomFor } from '../support/rounds.ts'
import { startCli, useOwnKafka, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

await t.test('the ingester archives every alert byte for byte, even if it is killed five times during a visit', async t => {
  const random = randomFor(t.name)
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 4, replicas: 1 })
  const records = alertRecords(alerts, 400, 4)
  await produce(connection, at.topic, records)
  const args = ingestArgs(at, '--group-instance-id', 'one', '--batch-size', '3', '--commit-interval', '7', '--gzip-level', '9')
  let before = 0
  for (let round = 1; round <= 5; round++) {
    const ingest = startCli(t, args)
    const enough = before + random.between(1, 60)
    await whileRunning(ingest, async () => before >= 400 || (await archivedIds(at.root)).length >= enough, 1)
    const { signal } = await ingest.stop('SIGKILL')
    t.equal(signal, 'SIGKILL')
    before = (await archivedIds(at.root)).length
    t.comment(`round ${round}: killed with ${before} alerts archived, committed ${String(await admin.committed(at.group, at.topic))}`)
  }
  const last = startCli(t, args)
  await whileRunning(last, async () => joinedBy(last) !== undefined && (await admin.groupLag(at.group, [at.topic])).get(at.topic) === 0n)
  const { code, stderr } = await last.stop('SIGTERM')
  t.equal(code, 0, stderr.slice(-2000))
  t.strictSame(await archivedIds(at.root), records.map(idOf).sort())
  t.strictSame(pythonMismatches(at.root, records), [])
  t.strictSame(await readdir(join(at.root, '.incoming')), [], 'no files of unfinished writes are left')
  t.equal((await everyRecord(connection, at.dead)).length, 0)
})

await t.test('after a kill between write and commit, the restarted ingester finds the redelivered alerts already archived', async t => {
  const server = await useOwnKafka(t)
  const ours = await connect(server.broker)
  const ourAdmin = adminFor(t, ours)
  const proxy = await registryProxy(t, registry)
  proxy.set('hold')
  const at = await newTarget(t, { kafka: server.broker, registry: proxy.url })
  await ourAdmin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  const records = alertRecords(alerts, 20, 1)
  await produce(ours, at.topic, records)
  const args = ingestArgs(at, '--group-instance-id', 'one')
  const first = startCli(t, [...args, '--admin-port', '0'])
  const [, port] = await first.waitFor(/"port":(\d+)/)
  const read = async (): Promise<number> =>
    (await (await fetch(`http://127.0.0.1:${port}/status`)).json() as { nodes: Array<{ in: number }> }).nodes[0]?.in ?? 0
  // Wait until all alerts are read; none is archived yet. Then freeze the broker, so that it accepts no commit.
  await whileRunning(first, async () => proxy.requests > 0 && await read() === 20)
  process.kill(server.pid, 'SIGSTOP')
  t.teardown(() => { process.kill(server.pid, 'SIGCONT') })
  proxy.set('up')
  await whileRunning(first, async () => (await archivedIds(at.root)).length === 20)
  await first.stop('SIGKILL')
  process.kill(server.pid, 'SIGCONT')
  await eventually(async () => ourAdmin.committed(at.group, at.topic).then(([offset]) => (offset ?? 0n) === 0n, () => false))
  const second = startCli(t, [...args, '--limit', '20'])
  const { code, stdout, stderr } = await second.finished
  t.equal(code, 0, stderr.slice(-2000))
  t.equal(stdout, 'archived 20 alerts: 0 written, 20 already archived, 0 dead letters\n')
  t.strictSame(await ourAdmin.committed(at.group, at.topic), [20n])
  t.strictSame(pythonMismatches(at.root, records), [])
})
