// Brokers that answer badly while a mode starts: a topic without leaders, a topic that the broker does not know yet, and a group without a
// coordinator. Each mode waits, loses nothing and changes nothing that it must not change.
import t from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import { surveySchema } from '../generator/support.ts'
import { deadLetterTopicRecord } from '../dead-letters/support.ts'
import { adminFor, connect, everyRecord, produce } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { coordinatorless, kafkaProxy, leaderless, unknownTopic, type KafkaProxy } from '../support/kafka-proxy.ts'
import { uniqueName, useStack } from '../support/stack.ts'
import { alertRecords, idOf, ingestArgs, newTarget, pythonMismatches, registerAlerts } from './archive-support.ts'
import { alertFile } from './support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const subject = uniqueName('alert-packet')
await createRegistryClient({ url: registry }).register(subject, (await surveySchema('11.1')).text)
const file = await alertFile(t, { alerts: 12 })

/** The next lookups of each topic fail. */
function confuse (proxy: KafkaProxy, ...topics: readonly string[]): void {
  for (const topic of topics) {
    const names = (request: Buffer): boolean => request.includes(topic)
    proxy.fail('Metadata', unknownTopic(topic), 2, names)
    proxy.fail('Metadata', leaderless(topic), 2, names)
  }
}

await t.test('create-stream loads an empty topic, and never a topic that holds records', async t => {
  const proxy = await kafkaProxy(t, kafka)
  const load = (topic: string, dead: string) => runMode([
    'create-stream', file, '--broker', proxy.broker, '--schema-registry-url', registry, '--subject', subject,
    '--dst-topic', topic, '--dead-letter-topic', dead
  ])
  const [topic, dead] = [uniqueName('static'), uniqueName('dead')]
  await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  confuse(proxy, topic, dead)
  t.match(await load(topic, dead), { code: 0, stdout: /^loaded 12 of 12 alerts/ })
  t.equal((await everyRecord(connection, topic)).length, 12)
  for (const lookups of [2, 3]) {
    proxy.heal()
    proxy.fail('Metadata', unknownTopic(topic), lookups)
    t.match(await load(topic, dead), { code: 1, stderr: /^TOPIC_NOT_EMPTY: / }, `${lookups} lookups do not find the topic`)
    t.equal((await everyRecord(connection, topic)).length, 12)
  }
})

await t.test('ingest archives every alert', async t => {
  const proxy = await kafkaProxy(t, kafka)
  const at = await newTarget(t, { kafka: proxy.broker, registry })
  const records = alertRecords(alerts, 10, 2)
  await admin.createTopic(at.topic, { partitions: 2, replicas: 1 })
  await produce(connection, at.topic, records)
  confuse(proxy, at.topic, at.dead)
  proxy.fail('FindCoordinator', coordinatorless(at.group), 3)
  const { code, stdout, stderr } = await runMode(ingestArgs(at, '--limit', '10'))
  t.equal(code, 0, stderr)
  t.equal(stdout, 'archived 10 alerts: 10 written, 0 already archived, 0 dead letters\n')
  t.strictSame(pythonMismatches(at.root, records), [])
  t.equal((await admin.groupLag(at.group, [at.topic])).get(at.topic), 0n)
})

await t.test('redrive sends every dead letter back once', async t => {
  const proxy = await kafkaProxy(t, kafka)
  const [topic, dead, group] = [uniqueName('alerts'), uniqueName('dead'), uniqueName('redrive')]
  for (const name of [topic, dead]) await admin.createTopic(name, { partitions: 2, replicas: 1 })
  const records = alertRecords(alerts, 6, 2)
  const letters = records.map(({ key, value }, index) => deadLetterTopicRecord(index, 'TEST_REASON', { topic, key, value }, index % 2))
  await produce(connection, dead, letters)
  confuse(proxy, topic, dead)
  proxy.fail('FindCoordinator', coordinatorless(group), 3)
  const result = await runMode(['redrive', '--broker', proxy.broker, '--dead-letter-topic', dead, '--group', group, '--from-beginning'])
  t.equal(result.code, 0, result.stderr)
  t.strictSame((await everyRecord(connection, topic)).map(idOf).sort(), records.map(idOf).sort())
})

await t.test('play-stream publishes one complete pass', async t => {
  const proxy = await kafkaProxy(t, kafka)
  const [source, destination] = [uniqueName('static'), uniqueName('simulated')]
  for (const name of [source, destination]) await admin.createTopic(name, { partitions: 2, replicas: 1 })
  const records = alertRecords(alerts, 20, 2)
  await produce(connection, source, records)
  confuse(proxy, source, destination)
  const { code, stdout, stderr } = await runMode([
    'play-stream', '--broker', proxy.broker, '--schema-registry-url', registry, '--src-topic', source, '--dst-topic', destination,
    '--accept-unmarked', '--repeat-interval', '-1', '--burst'
  ])
  t.equal(code, 0, stderr)
  t.match(stdout, /^pass 1: 20 alerts /)
  t.strictSame((await everyRecord(connection, destination)).map(idOf).sort(), records.map(idOf).sort())
})
