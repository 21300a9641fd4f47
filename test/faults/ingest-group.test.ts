// Several ingesters share a topic while a visit is published. Ingesters join, stop or are killed. No alert is lost, each alert is written
// once, and alerts that are read twice are counted as identical.
import { Admin } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { adminFor, connect, eventually, everyRecord, produce } from '../kafka/support.ts'
import {
  alertRecords, archivedIds, idOf, ingestArgs, joinedBy, newTarget, pythonMismatches, registerAlerts, registryProxy
} from '../modes/archive-support.ts'
import { startCli, useStack, type CliResult, type RunningCli } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const PARTITIONS = 6

/** Creates a topic and a group. `start` runs an ingester with at most 1 MiB in flight. */
async function setUp (t: Test) {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: PARTITIONS, replicas: 1 })
  const flags = ['--max-in-flight-mib', '1', '--session-timeout-seconds', '6']
  return {
    ...at,
    start: (...more: string[]) => startCli(t, ingestArgs(at, ...flags, ...more)),
    publish: (records: readonly OutgoingRecord[]) => produce(connection, at.topic, records),
    archived: async () => (await archivedIds(at.root)).length,
    /** Number of archived alerts with an uncommitted offset. The next owner of the partition reads these alerts again. */
    async uncommitted (records: readonly OutgoingRecord[]): Promise<number> {
      const archived = new Set(await archivedIds(at.root))
      const committed = await admin.committed(at.group, at.topic)
      const next = new Array<bigint>(PARTITIONS).fill(0n)
      return records.filter(record => {
        const { partition = 0 } = record
        const offset = next[partition]!
        next[partition] = offset + 1n
        return archived.has(idOf(record)) && offset >= (committed[partition] ?? 0n)
      }).length
    },
    settled: async () => (await admin.groupLag(at.group, [at.topic])).get(at.topic) === 0n
  }
}
type Target = Awaited<ReturnType<typeof setUp>>

/** Waits until the ingesters are in the same generation and together own all partitions. */
async function shared (...ingesters: readonly RunningCli[]): Promise<void> {
  await eventually(() => {
    const joins = ingesters.map(joinedBy)
    const sameGeneration = new Set(joins.map(each => each?.generation)).size === 1
    return sameGeneration && sumOf(joins.map(each => each?.partitions ?? 0)) === PARTITIONS
  })
}

/** The alert counts that an ingester prints when it ends. */
function countsOf ({ stdout, stderr, code }: CliResult): { written: number, identical: number } {
  const [all, written, identical] = /^archived \d+ alerts: (\d+) written, (\d+) already archived, 0 dead letters\n$/.exec(stdout) ?? []
  if (all === undefined || code !== 0) throw new Error(`code ${code}\n${stdout}\n${stderr.slice(-2000)}`)
  return { written: Number(written), identical: Number(identical) }
}

/** Number of uncommitted records in revoked partitions of an ingester, according to its log. */
function givenUp ({ stderr }: RunningCli): number {
  return sumOf([...stderr.matchAll(/"readAgain":(\d+)/g)].map(([, count]) => Number(count)))
}

async function nothingLost (t: Test, at: Target, records: readonly OutgoingRecord[]): Promise<void> {
  t.strictSame(await archivedIds(at.root), records.map(idOf).sort(), 'every alert is archived')
  t.strictSame(pythonMismatches(at.root, records), [], 'archived alerts equal the published alerts byte for byte')
  t.strictSame(await admin.committed(at.group, at.topic), await admin.endOffsets(at.topic), 'every offset is committed')
  t.equal((await everyRecord(connection, at.dead)).length, 0, 'no alert is dead-lettered')
}

/** Starts two ingesters and waits until both have alerts in flight. These alerts wait for the registry until `release` is called. */
async function twoBusy (t: Test, at: Target, records: readonly OutgoingRecord[]) {
  const proxy = await registryProxy(t, registry)
  proxy.set('hold')
  const pair = [at.start('--schema-registry-url', proxy.url), at.start('--schema-registry-url', proxy.url)] as const
  await shared(...pair)
  await at.publish(records)
  // Each ingester has sent one registry request, so both have alerts in flight.
  await eventually(() => proxy.requests === 2)
  return { pair, release: () => { proxy.set('up') } }
}

const waits = /consumer group is rebalancing: waiting for records in flight to settle/

function sumOf (counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

await t.test('archives a visit of 3,000 alerts once while a third ingester joins and another is killed', async t => {
  const at = await setUp(t)
  const records = alertRecords(alerts, 3000, PARTITIONS)
  const { pair: [first, second], release } = await twoBusy(t, at, records.slice(0, 1000))
  const third = at.start()
  await Promise.all([first.waitFor(waits), second.waitFor(waits)])
  release()
  await at.publish(records.slice(1000, 2000))
  await shared(first, second, third)
  const before = await at.archived()
  await at.publish(records.slice(2000))
  await eventually(async () => await at.archived() > before + 100)
  await first.stop('SIGKILL')
  const mostRepeated = await at.uncommitted(records)
  await shared(second, third)
  await eventually(at.settled)
  const survivors = [countsOf(await second.stop()), countsOf(await third.stop())]
  await nothingLost(t, at, records)
  const written = sumOf(survivors.map(each => each.written))
  const identical = sumOf(survivors.map(each => each.identical))
  const early = sumOf([first, second, third].map(givenUp))
  t.comment(`read again: ${identical} (uncommitted at the kill: ${mostRepeated}, uncommitted in revoked partitions: ${early})`)
  t.comment(`written by the survivors: ${survivors.map(each => each.written).join(' + ')}, by the killed ingester: ${3000 - written}`)
  t.ok(written < 3000, 'the killed ingester wrote some alerts')
  t.ok(identical <= mostRepeated + early, `only uncommitted alerts were read again: ${identical} of ${mostRepeated} + ${early}`)
})

await t.test('when an ingester joins or stops while alerts are in flight, no alert is written twice', async t => {
  const at = await setUp(t)
  const records = alertRecords(alerts, 1500, PARTITIONS)
  const { pair: [first, second], release } = await twoBusy(t, at, records.slice(0, 500))
  const third = at.start()
  await Promise.all([first.waitFor(waits), second.waitFor(waits)])
  release()
  await shared(first, second, third)
  const before = await at.archived()
  await at.publish(records.slice(500))
  await eventually(async () => await at.archived() > before + 50)
  const left = countsOf(await first.stop())
  await shared(second, third)
  await eventually(at.settled)
  const counts = [left, countsOf(await second.stop()), countsOf(await third.stop())]
  await nothingLost(t, at, records)
  const early = sumOf([first, second, third].map(givenUp))
  const identical = counts.map(each => each.identical)
  t.comment(`written: ${counts.map(({ written }) => written).join(' + ')}; read again: ${identical.join(' + ')} (revoked: ${early})`)
  t.equal(sumOf(counts.map(({ written }) => written)), 1500, 'each alert is written once')
  t.ok(counts.every(({ written }) => written > 0), 'each ingester has written some alerts')
  t.ok(sumOf(identical) <= early, 'only uncommitted alerts of revoked partitions were read again')
})

await t.test('a killed static member resumes its partitions after a restart, without a rebalance for the other member', async t => {
  const at = await setUp(t)
  const records = alertRecords(alerts, 900, PARTITIONS)
  // A static member must rejoin within the session timeout. 60 s is enough for a process to start even on a slow machine.
  const member = (id: string): ReturnType<typeof at.start> => at.start('--group-instance-id', id, '--session-timeout-seconds', '60')
  const [first, second] = [member('one'), member('two')]
  await shared(first, second)
  const { generation } = joinedBy(second)!
  await at.publish(records)
  await eventually(async () => await at.archived() > 50)
  await first.stop('SIGKILL')
  const mostRepeated = await at.uncommitted(records)
  const again = member('one')
  await eventually(at.settled)
  const [one, two] = [countsOf(await again.stop()), countsOf(await second.stop())]
  await nothingLost(t, at, records)
  t.comment(`read again: ${one.identical} + ${two.identical} of 900 (uncommitted at the kill: ${mostRepeated})`)
  t.equal(joinedBy(second)!.generation, generation, 'the group has not rebalanced')
  t.equal(two.identical, 0)
  t.ok(one.identical <= mostRepeated, `only uncommitted alerts were read again: ${one.identical} of ${mostRepeated}`)
})

await t.test('a static member leaves its group at SIGTERM only with --leave-group-on-stop', async t => {
  const client = new Admin({ clientId: 'test', bootstrapBrokers: [kafka] })
  t.teardown(async () => { await client.close() })
  const instances = async (group: string) => [...(await client.describeGroups({ groups: [group] })).get(group)!.members.values()]
    .map(({ groupInstanceId }) => groupInstanceId).sort()
  // The session is longer than the test, so partitions move only if their owner leaves.
  const pair = async (at: Target, ...flags: string[]) => {
    const members = ['one', 'two'].map(id => at.start('--group-instance-id', id, '--session-timeout-seconds', '600', ...flags))
    await shared(...members)
    return members as [RunningCli, RunningCli]
  }
  const [leaving, staying] = [await setUp(t), await setUp(t)]
  const [[first, second], [kept, other]] = await Promise.all([pair(leaving, '--leave-group-on-stop'), pair(staying)])
  const records = alertRecords(alerts, 300, PARTITIONS)
  await leaving.publish(records.slice(0, 150))
  await eventually(leaving.settled)
  const written = countsOf(await first.stop('SIGTERM')).written
  t.strictSame(await instances(leaving.group), ['two'])
  await shared(second)
  await leaving.publish(records.slice(150))
  await eventually(leaving.settled)
  t.equal(written + countsOf(await second.stop('SIGTERM')).written, 300)
  await nothingLost(t, leaving, records)
  t.strictSame(await instances(leaving.group), [])

  const { generation } = joinedBy(other)!
  countsOf(await kept.stop('SIGTERM'))
  t.strictSame(await instances(staying.group), ['one', 'two'])
  countsOf(await other.stop('SIGTERM'))
  t.equal(joinedBy(other)!.generation, generation, 'the partitions of the stopped member have not moved')
})
