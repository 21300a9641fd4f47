import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { alertFacts, createRegistryClient, parseFrame } from '../../src/avro/index.ts'
import { parseCompletionMarker } from '../../src/simulator/completion-marker.ts'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import { headerText } from '../../src/kafka/record.ts'
import { parseCommandLine } from '../../src/config/parse.ts'
import createStream from '../../src/modes/create-stream.ts'
import { silent } from '../../src/pipeline/log.ts'
import { checkStaticTopic } from '../../src/simulator/static-topic.ts'
import { surveySchema } from '../generator/support.ts'
import { adminFor } from '../kafka/support.ts'
import { cache, NOBODY, tempDir, uniqueName, useStack } from '../support/stack.ts'
import { alertFile, alertsOf, connectionTo, everyRecord, Program, staticTopics } from './support.ts'

const stack = await useStack(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const newest = await surveySchema('11.1')
const subject = uniqueName('alert-packet')
const { id: schemaId } = await createRegistryClient({ url: stack.registry }).register(subject, newest.text)
const whole = await alertFile(t, { alerts: 30, visits: 2 })

const topics = () => staticTopics(subject)

/** A loaded topic, and what tells whether it is still the same. */
async function loaded () {
  const names = topics()
  const { code, stderr } = await program.run('create-stream', [whole, ...names.flags])
  if (code !== 0) throw new Error(stderr)
  const snapshot = await admin.snapshot(names.topic)
  return { ...names, snapshot }
}

await t.test('a missing topic is created with its settings and holds every alert: key, time offset, frame; the mark adds up', async t => {
  const { topic, flags } = topics()
  const { code, stdout, stderr } = await program.run('create-stream', [whole, ...flags, '--dst-topic-partitions', '5'])
  t.equal(code, 0, stderr)
  t.equal(stdout, `loaded 60 of 60 alerts into ${topic} (5 partitions, schema 11.1 with id ${schemaId}), 0 dead letters\n`)
  t.match(await admin.describeTopic(topic), { partitions: 5, replicas: 1 })
  t.match(await admin.topicConfigs(topic), { 'retention.ms': '-1', 'retention.bytes': '-1', 'max.message.bytes': String(16 * 1024 * 1024), 'cleanup.policy': 'delete' })

  const records = await everyRecord(connection, topic)
  const alerts = await alertsOf(whole)
  t.equal(records.length, 60)
  t.strictSame(new Set(records.map(({ key }) => key?.toString())), new Set(alerts.keys()))
  let first = Infinity
  for (const alert of alerts.values()) first = Math.min(first, alertFacts(alert).midpointMjdTai!)
  for (const record of records) {
    const key = record.key!.toString()
    const alert = alerts.get(key)!
    t.equal(record.partition, partitionFor(record.key!, 5))
    const frame = parseFrame(record.value!)
    t.equal(frame.schemaId, schemaId)
    t.ok(frame.datum.equals(newest.encode(alert)), key)
    const offset = Number(headerText(record, 'alertsim-time-offset'))
    const expected = (alertFacts(alert).midpointMjdTai! - (await firstMidpoint())) * 86_400
    t.ok(Math.abs(offset - expected) < 1e-5, `${offset} ${expected}`)
    t.ok(offset >= -1 && offset < 40)
  }
  t.match(await checkStaticTopic(admin, connection, topic), { topic, partitions: 5 })
  const marks = records.map(parseCompletionMarker).filter(each => each !== undefined)
  t.equal(marks.length, new Set(records.map(({ partition }) => partition)).size)
  t.equal(marks[0]?.alerts, 60)

  async function firstMidpoint (): Promise<number> {
    return alertFacts([...alerts.values()][0]!).midpointMjdTai!
  }
})

await t.test('a topic that holds records is refused and stays as it is; an empty one is filled with the partitions that it has', async t => {
  const { topic, flags, snapshot } = await loaded()
  const refused = await program.run('create-stream', [whole, ...flags])
  t.match(refused, { code: 1, stdout: '', stderr: new RegExp(`^TOPIC_NOT_EMPTY: the topic holds 60 records already \\(${topic} .*\\)\\. .*--create-topic.*\n$`) })
  t.strictSame(await admin.snapshot(topic), snapshot)
  const empty = topics()
  await admin.createTopic(empty.topic, { partitions: 3, replicas: 1 })
  t.match(await program.run('create-stream', [whole, ...empty.flags]), { code: 0, stdout: /\(3 partitions/ })
})

await t.test('with --create-topic it is recreated with the settings of the flags', async t => {
  const { topic, flags, snapshot } = await loaded()
  const again = await program.run('create-stream', [whole, ...flags, '--create-topic', '--dst-topic-partitions', '2', '--dst-topic-max-message-bytes', '2000000', '--dst-topic-retention-ms=3600000'])
  t.match(again, { code: 0, stdout: /^loaded 60 of 60/ })
  const now = await admin.snapshot(topic)
  t.not(now?.id, snapshot?.id)
  t.equal(now?.partitions, 2)
  t.match(await admin.topicConfigs(topic), { 'retention.ms': '3600000', 'max.message.bytes': '2000000' })
  t.type(await checkStaticTopic(admin, connection, topic), 'object')
})

await t.test('the schema id of the frames may be given; a schema that the registry has not is an error before anything is touched', async t => {
  const { topic, flags } = topics()
  t.match(await program.run('create-stream', [whole, ...flags, '--schema-id', '1101']), { code: 0, stdout: /schema 11\.1 with id 1101/ })
  const records = await everyRecord(connection, topic)
  t.ok(records.every(({ value }) => value!.readUInt8(0) === 0 && value!.readUInt32BE(1) === 1101))
  const other = topics()
  const missing = await program.run('create-stream', [whole, ...other.flags, '--subject', uniqueName('none')])
  t.match(missing, { code: 1, stdout: '', stderr: /^SCHEMA_NOT_REGISTERED: schema 11\.1 is not registered under subject none-.*sync-schema.*--schema-id.*\n$/ })
  t.equal(await admin.describeTopic(other.topic), undefined)
})

await t.test('servers that are down are clear errors, and a topic to be recreated is still whole', async t => {
  const { topic, flags, snapshot } = await loaded()
  const registry = await program.run('create-stream', [whole, ...flags, '--create-topic', '--schema-registry-url', `http://127.0.0.1:${NOBODY}`])
  t.match(registry, { code: 1, stdout: '', stderr: new RegExp(`^REGISTRY_UNAVAILABLE: .*127\\.0\\.0\\.1:${NOBODY}.*$`, 'm') })
  t.strictSame(await admin.snapshot(topic), snapshot)
  const broker = await program.run('create-stream', [whole, ...flags, '--create-topic', '--broker', `127.0.0.1:${NOBODY}`])
  t.match(broker, { code: 1, stdout: '', stderr: new RegExp(`^KAFKA_UNREACHABLE: .*127\\.0\\.0\\.1:${NOBODY}.*$`, 'm') })
})

await t.test('dead letters that have no place, or two, are an error before the topic is touched', async t => {
  const { topic, flags, snapshot } = await loaded()
  const blocked = join(await tempDir(t), 'file')
  await writeFile(blocked, 'no folder')
  const own = flags.indexOf('--dead-letter-topic')
  const others = own < 0 ? flags : flags.toSpliced(own, 2)
  const store = ['--create-topic', '--dead-letter-store', pathToFileURL(blocked).href]
  t.match(await program.run('create-stream', [whole, ...others, ...store]), { code: 1, stdout: '', stderr: /^STORE_PATH_BLOCKED: /m })
  t.match(await program.run('create-stream', [whole, ...others, ...store, '--dead-letter-topic', uniqueName('dead')]), { code: 2, stdout: '', stderr: /^USAGE_BAD_VALUE: /m })
  t.strictSame(await admin.snapshot(topic), snapshot)
})

await t.test('a file that is truncated, empty, no Avro, of other things or without alerts costs no topic', async t => {
  const { topic, flags, snapshot } = await loaded()
  const folder = await tempDir(t)
  const bytes = await readFile(whole)
  const files: Array<[string, Buffer | undefined, RegExp]> = [
    ['truncated', bytes.subarray(0, bytes.length - 1000), /^AVRO_TRUNCATED: .*truncated/],
    ['header-only', bytes.subarray(0, 500), /^AVRO_TRUNCATED: .*header-only/],
    ['empty', Buffer.alloc(0), /^AVRO_NOT_A_CONTAINER: the file is empty .*empty\)/],
    ['text', Buffer.from('{"diaSourceId": 1}\n'), /^AVRO_NOT_A_CONTAINER: .*text/],
    ['missing', undefined, /^AVRO_UNREADABLE: .*missing.*ENOENT/]
  ]
  for (const [name, content, message] of files) {
    const path = join(folder, name)
    if (content !== undefined) await writeFile(path, content)
    const result = await program.run('create-stream', [path, ...flags, '--create-topic'])
    t.match(result, { code: 1, stdout: '', stderr: message }, name)
    t.equal(result.stderr.split('\n').length, 2, 'one line')
  }
  const none = await alertFile(t, { alerts: 0 })
  t.match(await program.run('create-stream', [none, ...flags, '--create-topic']), { code: 1, stdout: '', stderr: /^NO_ALERTS: the file holds no readable alert \(0 damaged\)/ })
  t.strictSame(await admin.snapshot(topic), snapshot)
})

await t.test('asked to stop before the load begins, it touches nothing', async t => {
  const { flags, topic, snapshot } = await loaded()
  const argv = [whole, ...flags, '--create-topic', '--broker', stack.kafka, '--schema-registry-url', stack.registry]
  const { config, positionals } = parseCommandLine(createStream, argv, {})
  const host = {
    log: silent, stop: AbortSignal.abort(), cacheDir: cache().cacheDir, environment: {}, self: [], cwd: '.', isTerminal: false,
    print: async () => {}, progress: () => {}, requestStop: () => {}, expose: async () => undefined
  }
  await t.rejects(createStream.run(config, positionals, host), { code: 'STOPPED', where: whole })
  t.strictSame(await admin.snapshot(topic), snapshot)
})
