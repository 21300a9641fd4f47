// Several ingesters share a topic while a visit is published: one joins, one is killed, one is stopped. Nothing is lost, every alert is written
// once, and what is read twice is counted.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { adminFor, connect, eventually, produce } from '../kafka/support.ts'
import { alertRecords, archivedIds, idOf, ingestArgs, judgedByPython, recordsOf, registerAlerts, registryDouble } from '../modes/archive-support.ts'
import { startCli, tempDir, uniqueName, useStack, type CliResult, type RunningCli } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const PARTITIONS = 6

/** A topic, a group, and ingesters on them that have little in flight. */
async function place (t: Test) {
  const at = { kafka, registry, topic: uniqueName('shared'), group: uniqueName('g'), dead: uniqueName('dead'), root: join(await tempDir(t), 'store') }
  await admin.createTopic(at.topic, { partitions: PARTITIONS, replicas: 1 })
  const flags = ['--max-in-flight-mib', '1', '--session-timeout-seconds', '6']
  return {
    ...at,
    start: (...more: string[]) => startCli(t, ingestArgs(at, ...flags, ...more)),
    publish: (records: readonly OutgoingRecord[]) => produce(connection, at.topic, records),
    archived: async () => (await archivedIds(at.root)).length,
    /** Alerts that are archived although their offset is not committed: they come again to who takes the partition over. */
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
type Place = Awaited<ReturnType<typeof place>>

/** The newest generation that an ingester has joined, and with how many partitions. */
function joinedBy ({ stderr }: RunningCli): { generation: number, partitions: number } | undefined {
  const [, generation, partitions] = [...stderr.matchAll(/"generation":(\d+),"partitions":(\d+),"msg":"joined/g)].at(-1) ?? []
  return generation === undefined ? undefined : { generation: Number(generation), partitions: Number(partitions) }
}

/** Waits until these are in the same generation and own all partitions between them. */
async function shared (...ingesters: readonly RunningCli[]): Promise<void> {
  await eventually(() => {
    const joins = ingesters.map(joinedBy)
    return new Set(joins.map(each => each?.generation)).size === 1 && joins.reduce((sum, each) => sum + (each?.partitions ?? 0), 0) === PARTITIONS
  })
}

/** What an ingester says at its end. */
function countsOf ({ stdout, stderr, code }: CliResult): { written: number, identical: number } {
  const [all, written, identical] = /^archived \d+ alerts: (\d+) written, (\d+) there already, 0 dead letters\n$/.exec(stdout) ?? []
  if (all === undefined || code !== 0) throw new Error(`code ${code}\n${stdout}\n${stderr.slice(-2000)}`)
  return { written: Number(written), identical: Number(identical) }
}

/** Records of partitions that an ingester had to let go before they were committed, by its log. */
function letGo ({ stderr }: RunningCli): number {
  return sumOf([...stderr.matchAll(/"readAgain":(\d+)/g)].map(([, count]) => Number(count)))
}

async function nothingLost (t: Test, at: Place, records: readonly OutgoingRecord[]): Promise<void> {
  t.strictSame(await archivedIds(at.root), records.map(idOf).sort(), 'every alert is archived')
  t.strictSame(judgedByPython(at.root, records), [], 'byte for byte')
  t.strictSame(await admin.committed(at.group, at.topic), await admin.endOffsets(at.topic), 'every offset is committed')
  t.equal((await recordsOf(connection, at.dead)).length, 0, 'no dead letters')
}

/** Two ingesters that have read alerts of a first part of the visit and hold them, as their registry does not answer yet; and the way to let them go on. */
async function twoBusy (t: Test, at: Place, records: readonly OutgoingRecord[]) {
  const double = await registryDouble(t, registry)
  double.set('hold')
  const pair = [at.start('--schema-registry-url', double.url), at.start('--schema-registry-url', double.url)] as const
  await shared(...pair)
  await at.publish(records)
  // One request each: both have alerts in flight.
  await eventually(() => double.asked === 2)
  return { pair, release: () => { double.set('up') } }
}

const waits = /consumer group is rebalancing: waiting for records in flight to settle/

function sumOf (counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

await t.test('three ingesters, one joining and one killed during a visit of 3,000: all is archived once, and what was read again is told', async t => {
  const at = await place(t)
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
  const early = sumOf([first, second, third].map(letGo))
  t.comment(`read again: ${identical} of 3000 (archived and not committed when one was killed: ${mostRepeated}, let go uncommitted: ${early}); written by the survivors: ${survivors.map(each => each.written).join(' + ')}, by the killed one: ${3000 - written}`)
  t.ok(written < 3000, 'the killed one had its share')
  t.ok(identical <= mostRepeated + early, `no alert came again but those that were not committed: ${identical} of ${mostRepeated} + ${early}`)
})

await t.test('an ingester that joins and one that is stopped repeat nothing, though alerts are in flight', async t => {
  const at = await place(t)
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
  const early = sumOf([first, second, third].map(letGo))
  t.comment(`written: ${counts.map(({ written }) => written).join(' + ')}; read again: ${counts.map(({ identical }) => identical).join(' + ')} (let go uncommitted: ${early})`)
  t.equal(sumOf(counts.map(({ written }) => written)), 1500, 'each is written once')
  t.ok(counts.every(({ written }) => written > 0), 'each has its share')
  t.ok(sumOf(counts.map(({ identical }) => identical)) <= early, 'nothing that was not let go')
})

await t.test('static members: one that is killed takes its partitions up where it left them, and the other is not disturbed', async t => {
  const at = await place(t)
  const records = alertRecords(alerts, 900, PARTITIONS)
  // A session longer than a new process takes to come up on any machine: it is what a static member must be back within.
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
  t.comment(`read again: ${one.identical} + ${two.identical} of 900 (archived and not committed when one was killed: ${mostRepeated})`)
  t.equal(joinedBy(second)!.generation, generation, 'no rebalance')
  t.equal(two.identical, 0)
  t.ok(one.identical <= mostRepeated, `${one.identical} of ${mostRepeated}`)
})
