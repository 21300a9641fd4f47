// Rebalances while records are in flight: which records are read twice, and which partitions move to another member.
import { Admin } from '@platformatic/kafka'
import t from 'tap'
import { kafkaGroupSource, type KafkaGroupOptions, type KafkaGroupSource } from '../../src/sources/kafka-group.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import type { SourceRecord } from '../../src/pipeline/node.ts'
import { adminFor, connect, contextOf, eventually, numbered, produce, pull, recordingLog, valueOf } from '../kafka/support.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const fast = {
  connection, heartbeatInterval: 200, sessionTimeout: 6000, rebalanceTimeout: 10_000, topicCheckInterval: 300, commitInterval: { ms: 200 }
}

async function topicAndGroup (partitions: number) {
  const [topic, group] = [uniqueName('share'), uniqueName('g')]
  await admin.createTopic(topic, { partitions, replicas: 1 })
  return { topics: [topic], group, topic }
}

interface Held { readonly record: SourceRecord<KafkaRecord>, settle (): void }

/** A group member. Records settle immediately, except between `hold` and `release`. `opened` resolves when the member has joined. */
function member (options: Partial<KafkaGroupOptions> & Pick<KafkaGroupOptions, 'topics' | 'group'>) {
  const source = kafkaGroupSource({ ...fast, ...options })
  const { log, lines } = recordingLog()
  const context = { ...contextOf(), log }
  const held: Held[] = []
  let holding = false
  const opened = (async () => {
    await source.open?.(context)
    return pull(source, context, record => {
      if (holding) held.push({ record, settle: () => { source.settled?.(record) } })
      else source.settled?.(record)
    })
  })()
  return {
    source, lines, held, opened, context,
    hold: () => { holding = true },
    /** Settles the held records now. Later records settle immediately. */
    release: () => {
      holding = false
      for (const each of held.splice(0)) each.settle()
    },
    partitions: () => source.stats().partitions.map(({ partition }) => partition).sort((a, b) => a - b),
    async values () { return (await opened).records.map(valueOf) },
    async stop () {
      await (await opened).stop()
      await source.flush?.()
      await source.close?.()
    }
  }
}
type Member = ReturnType<typeof member>

/** Waits until `members` share all partitions evenly. */
async function shared (partitions: number, ...members: readonly Member[]): Promise<void> {
  await Promise.all(members.map(({ opened }) => opened))
  await eventually(() => {
    const counts = members.map(({ source }: { source: KafkaGroupSource }) => source.stats().partitions.length)
    return counts.reduce((sum, count) => sum + count, 0) === partitions && Math.max(...counts) - Math.min(...counts) <= 1
  })
}

await t.test('records in flight settle before a joining member gets their partitions, so no record is read twice', async t => {
  const at = await topicAndGroup(4)
  const first = member(at)
  await shared(4, first)
  first.hold()
  await produce(connection, at.topic, numbered(40, 4))
  await eventually(() => first.held.length === 40)
  const second = member(at)
  await eventually(() => first.lines.some(line => line.includes('waiting for records in flight to settle {"inFlight":40}')))
  first.release()
  await shared(4, first, second)
  await produce(connection, at.topic, numbered(40, 4, 'w'))
  await eventually(async () => (await first.values()).length + (await second.values()).length >= 80)
  await second.stop()
  await shared(4, first)
  await produce(connection, at.topic, numbered(40, 4, 'x'))
  await eventually(async () => (await first.values()).length + (await second.values()).length >= 120)
  await first.stop()
  const all = [...await first.values(), ...await second.values()]
  t.equal(all.length, 120)
  t.equal(new Set(all).size, 120)
  t.equal((await second.values()).length, 20, 'the second member reads 20 of the second 40 records: two of four partitions')
  t.notOk([...first.lines, ...second.lines].some(line => line.includes('read them again')))
  t.strictSame(await admin.committed(at.group, at.topic), [30n, 30n, 30n, 30n])
})

await t.test('if records do not settle in time, the join proceeds with a warning, and the new owner reads the records again', async t => {
  const at = await topicAndGroup(2)
  const first = member(at)
  await shared(2, first)
  first.hold()
  await produce(connection, at.topic, numbered(20, 2))
  await eventually(() => first.held.length === 20)
  const second = member(at)
  await shared(2, first, second)
  t.ok(first.lines.some(line => line.endsWith('did not settle in time {"unsettled":20}')), String(first.lines))
  t.ok(first.lines.some(line => line.includes('read them again') && line.endsWith('"readAgain":10}')), '10 records are read again')
  await eventually(async () => (await second.values()).length === 10)
  first.release()
  await eventually(async () => (await admin.groupLag(at.group, [at.topic])).get(at.topic) === 0n)
  await Promise.all([first.stop(), second.stop()])
  t.equal((await first.values()).length, 20, 'the first member reads no record twice from the partition that it keeps')
})

await t.test('a member that joins or leaves moves as few partitions as possible', async t => {
  const at = await topicAndGroup(6)
  const members = [member(at), member(at)]
  const [one, two] = members as [Member, Member]
  await shared(6, one, two)
  const before = [one.partitions(), two.partitions()]
  const three = member(at)
  await shared(6, one, two, three)
  for (const [index, { partitions }] of [one, two].entries()) {
    t.equal(partitions().length, 2)
    t.ok(partitions().every(each => before[index]!.includes(each)), 'an old member keeps two of its partitions when a third member joins')
  }
  const kept = [two.partitions(), three.partitions()]
  await one.stop()
  await shared(6, two, three)
  t.ok(kept[0]!.every(each => two.partitions().includes(each)) && kept[1]!.every(each => three.partitions().includes(each)))
  await Promise.all([two.stop(), three.stop()])
})

await t.test('a stopped static member keeps its partitions until its session times out', async t => {
  const at = await topicAndGroup(2)
  const [one, two] = [member({ ...at, instanceId: 'one' }), member({ ...at, instanceId: 'two' })]
  await shared(2, one, two)
  const [mine] = one.partitions()
  const joins = (): number => two.lines.filter(line => line.includes('joined the consumer group')).length
  const before = joins()
  await one.stop()
  await produce(connection, at.topic, numbered(10, 2))
  const back = member({ ...at, instanceId: 'one' })
  await shared(2, back, two)
  t.strictSame(back.partitions(), [mine])
  await eventually(async () => (await back.values()).length === 5 && (await two.values()).length === 5)
  t.equal(joins(), before, 'the restart of the static member causes no rebalance')
  await back.stop()
  await shared(2, two)
  t.equal(joins(), before + 1)
  await produce(connection, at.topic, numbered(10, 2, 'w'))
  await eventually(async () => (await two.values()).length === 15)
  await two.stop()
})

await t.test('a static member with leaveOnStop leaves when it stops, and the other member gets its partitions', async t => {
  // The session is longer than this test, so only LeaveGroup can move the partitions.
  const at = { ...await topicAndGroup(2), sessionTimeout: 600_000, rebalanceTimeout: 600_000 }
  const [one, two] = [member({ ...at, instanceId: 'one', leaveOnStop: true }), member({ ...at, instanceId: 'two', leaveOnStop: true })]
  await shared(2, one, two)
  await one.stop()
  await shared(2, two)
  await produce(connection, at.topic, numbered(10, 2))
  await eventually(async () => (await two.values()).length === 10)
  await two.stop()
  t.strictSame(await admin.committed(at.group, at.topic), [5n, 5n])
})

await t.test('a static member with leaveOnStop that stops during its first join leaves the group', async t => {
  const at = { ...await topicAndGroup(2), sessionTimeout: 600_000, rebalanceTimeout: 600_000 }
  const one = member({ ...at, instanceId: 'one', leaveOnStop: true })
  await shared(2, one)
  // The first member waits for its records in flight before it rejoins, so the join of the second member waits for the first member.
  one.hold()
  await produce(connection, at.topic, numbered(10, 2))
  await eventually(() => one.held.length === 10)
  const two = member({ ...at, instanceId: 'two', leaveOnStop: true })
  const client = new Admin({ clientId: 'test', bootstrapBrokers: [kafka] })
  t.teardown(async () => { await client.close() })
  const instances = async () => [...(await client.describeGroups({ groups: [at.group] })).get(at.group)!.members.values()]
    .map(({ groupInstanceId }) => groupInstanceId).sort()
  await eventually(async () => (await instances()).length === 2)
  two.context.stop()
  await two.stop()
  t.strictSame(await instances(), ['one'])
  // A close during the rejoin would leave a timer of the client library, as long as the session, that keeps this process alive.
  const joins = (): number => one.lines.filter(line => line.includes('joined the consumer group')).length
  const before = joins()
  one.release()
  await eventually(() => joins() > before)
  await one.stop()
  t.strictSame(await instances(), [])
})

await t.test('opening fails if the session timeout exceeds the limit of the brokers', async t => {
  const at = await topicAndGroup(1)
  const { opened } = member({ ...at, sessionTimeout: 2_000_000, rebalanceTimeout: 2_000_000 })
  await t.rejects(opened, { code: 'KAFKA_CONFIG', message: /^cannot join group g-.*INVALID_SESSION_TIMEOUT/ })
})
