import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { alertSummary, createRegistryClient, parseFrame } from '../../src/avro/index.ts'
import { parseCompletionMarker } from '../../src/simulator/completion-marker.ts'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import { headerText } from '../../src/kafka/record.ts'
import { modes } from '../../src/cli/modes.ts'
import { parseCommandLine } from '../../src/config/parse.ts'
import createStream from '../../src/modes/create-stream.ts'
import { silent } from '../../src/pipeline/log.ts'
import { checkStaticTopic } from '../../src/simulator/static-topic.ts'
import { otherSpelling } from '../avro/support.ts'
import { surveySchema } from '../generator/support.ts'
import { adminFor, everyRecord } from '../kafka/support.ts'
import { cache, CLOSED_PORT, tempDir, uniqueName, useStack } from '../support/stack.ts'
import { alertFile, alertsOf, connectionTo, Program, staticTopics } from './support.ts'

const stack = await useStack(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const newest = await surveySchema('11.1')
const subject = uniqueName('alert-packet')
const { id: schemaId } = await createRegistryClient({ url: stack.registry }).register(subject, newest.text)
const visits = await alertFile(t, { alerts: 30, visits: 2 })

const topics = () => staticTopics(subject)
const spelling = otherSpelling(newest.text)

/** Loads a topic. Returns the topic and its snapshot, for a later comparison. */
async function loaded () {
  const names = topics()
  const { code, stderr } = await program.run('create-stream', [visits, ...names.flags])
  if (code !== 0) throw new Error(stderr)
  const snapshot = await admin.snapshot(names.topic)
  return { ...names, snapshot }
}

await t.test('uses the id of a schema that is registered in another spelling, and says so', async t => {
  const subject = uniqueName('alert-packet')
  const { id } = await createRegistryClient({ url: stack.registry }).register(subject, spelling)
  const { topic, flags } = staticTopics(subject)
  const { code, stdout, stderr } = await program.run('create-stream', [visits, ...flags])
  t.equal(code, 0, stderr)
  t.match(stdout, new RegExp(`schema 11\\.1 with id ${id}\\), 0 dead letters\n$`))
  t.match(stderr, new RegExp(`"schemaId":${id},.*in another spelling`))
  t.equal(parseFrame((await everyRecord(connection, topic))[0]!.value!).schemaId, id)
})

await t.test('creates a missing topic and writes key, time offset and frame of every alert, and the completion marker', async t => {
  const { topic, flags } = topics()
  const { code, stdout, stderr } = await program.run('create-stream', [visits, ...flags, '--dst-topic-partitions', '5'])
  t.equal(code, 0, stderr)
  t.equal(stdout, `loaded 60 of 60 alerts into ${topic} (5 partitions, schema 11.1 with id ${schemaId}), 0 dead letters\n`)
  t.match(await admin.describeTopic(topic), { partitions: 5, replicas: 1 })
  t.match(await admin.topicConfigs(topic), {
    'retention.ms': '-1', 'retention.bytes': '-1', 'max.message.bytes': String(16 * 1024 * 1024), 'cleanup.policy': 'delete'
  })

  const records = await everyRecord(connection, topic)
  const alerts = await alertsOf(visits)
  t.equal(records.length, 60)
  t.strictSame(new Set(records.map(({ key }) => key?.toString())), new Set(alerts.keys()))
  let first = Infinity
  for (const alert of alerts.values()) first = Math.min(first, alertSummary(alert).midpointMjdTai!)
  for (const record of records) {
    const key = record.key!.toString()
    const alert = alerts.get(key)!
    t.equal(record.partition, partitionFor(record.key!, 5))
    const frame = parseFrame(record.value!)
    t.equal(frame.schemaId, schemaId)
    t.ok(frame.datum.equals(newest.encode(alert)), key)
    const offset = Number(headerText(record, 'alertsim-time-offset'))
    const expected = (alertSummary(alert).midpointMjdTai! - (await firstMidpoint())) * 86_400
    t.ok(Math.abs(offset - expected) < 1e-5, `time offset ${offset} s, expected ${expected} s`)
    t.ok(offset >= -1 && offset < 40)
  }
  t.match(await checkStaticTopic(admin, connection, topic), { topic, partitions: 5 })
  const marks = records.map(parseCompletionMarker).filter(each => each !== undefined)
  t.equal(marks.length, new Set(records.map(({ partition }) => partition)).size)
  t.equal(marks[0]?.alerts, 60)

  async function firstMidpoint (): Promise<number> {
    return alertSummary([...alerts.values()][0]!).midpointMjdTai!
  }
})

await t.test('rejects and does not change a topic that holds records, and keeps the partitions of an empty topic', async t => {
  const { topic, flags, snapshot } = await loaded()
  const refused = await program.run('create-stream', [visits, ...flags])
  t.match(refused, {
    code: 1, stdout: '', stderr: new RegExp(`^TOPIC_NOT_EMPTY: the topic already holds 60 records \\(${topic} .*--create-topic.*\n$`)
  })
  t.strictSame(await admin.snapshot(topic), snapshot)
  const empty = topics()
  await admin.createTopic(empty.topic, { partitions: 3, replicas: 1 })
  t.match(await program.run('create-stream', [visits, ...empty.flags]), { code: 0, stdout: /\(3 partitions/ })
})

await t.test('with --create-topic, recreates the topic with the settings given by flags', async t => {
  const { topic, flags, snapshot } = await loaded()
  const settings = ['--dst-topic-partitions', '2', '--dst-topic-max-message-bytes', '2000000', '--dst-topic-retention-ms=3600000']
  const again = await program.run('create-stream', [visits, ...flags, '--create-topic', ...settings])
  t.match(again, { code: 0, stdout: /^loaded 60 of 60/ })
  const now = await admin.snapshot(topic)
  t.not(now?.id, snapshot?.id)
  t.equal(now?.partitions, 2)
  t.match(await admin.topicConfigs(topic), { 'retention.ms': '3600000', 'max.message.bytes': '2000000' })
  t.type(await checkStaticTopic(admin, connection, topic), 'object')
})

await t.test('writes the id given by --schema-id into the frames', async t => {
  const { topic, flags } = topics()
  t.match(await program.run('create-stream', [visits, ...flags, '--schema-id', '1101']), { code: 0, stdout: /schema 11\.1 with id 1101/ })
  const records = await everyRecord(connection, topic)
  t.ok(records.every(({ value }) => value!.readUInt8(0) === 0 && value!.readUInt32BE(1) === 1101))
})

await t.test('creates no topic if the schema is not registered, the registry is down or the file cannot be read', async t => {
  const { topic, deadLetterTopic, flags } = topics()
  const cases: Array<[string[], RegExp]> = [
    [[visits, '--subject', uniqueName('none')], /^SCHEMA_NOT_REGISTERED: schema 11\.1 is not registered .*sync-schema.*--schema-id/],
    [[visits, '--schema-version', '99.9'], /^[A-Z_]+: .*99\.9/],
    [[visits, '--schema-registry-url', `http://127.0.0.1:${CLOSED_PORT}`], /^REGISTRY_UNAVAILABLE: /m],
    [[join(await tempDir(t), 'missing.avro')], /^AVRO_UNREADABLE: /]
  ]
  for (const [args, stderr] of cases) {
    const result = await program.run('create-stream', [...flags, ...args])
    t.match({ stdout: result.stdout, stderr: result.stderr }, { stdout: '', stderr }, args.join(' '))
    t.not(result.code, 0)
  }
  for (const name of [topic, deadLetterTopic]) t.equal(await admin.describeTopic(name), undefined)
})

await t.test('creates no dead-letter topic if the topic holds records', async t => {
  const { topic } = await loaded()
  const deadLetterTopic = uniqueName('dead')
  const flags = ['--dst-topic', topic, '--dead-letter-topic', deadLetterTopic, '--subject', subject]
  t.match(await program.run('create-stream', [visits, ...flags]), { code: 1, stderr: /^TOPIC_NOT_EMPTY/ })
  t.equal(await admin.describeTopic(deadLetterTopic), undefined)
})

await t.test('does not delete the topic if the schema registry or the broker is down', async t => {
  const { topic, flags, snapshot } = await loaded()
  const registry = await program.run('create-stream', [visits, ...flags, '--create-topic', '--schema-registry-url', `http://127.0.0.1:${CLOSED_PORT}`])
  t.match(registry, { code: 1, stdout: '', stderr: new RegExp(`^REGISTRY_UNAVAILABLE: .*127\\.0\\.0\\.1:${CLOSED_PORT}.*$`, 'm') })
  t.strictSame(await admin.snapshot(topic), snapshot)
  const broker = await program.run('create-stream', [visits, ...flags, '--create-topic', '--broker', `127.0.0.1:${CLOSED_PORT}`])
  t.match(broker, { code: 1, stdout: '', stderr: new RegExp(`^KAFKA_UNREACHABLE: .*127\\.0\\.0\\.1:${CLOSED_PORT}.*$`, 'm') })
})

await t.test('does not delete the topic if the dead-letter destination is unusable or ambiguous', async t => {
  const { topic, flags, snapshot } = await loaded()
  const blocked = join(await tempDir(t), 'file')
  await writeFile(blocked, 'no folder')
  const own = flags.indexOf('--dead-letter-topic')
  const others = own < 0 ? flags : flags.toSpliced(own, 2)
  const store = ['--create-topic', '--dead-letter-store', pathToFileURL(blocked).href]
  t.match(await program.run('create-stream', [visits, ...others, ...store]), { code: 1, stdout: '', stderr: /^STORE_PATH_BLOCKED: /m })
  const both = [...store, '--dead-letter-topic', uniqueName('dead')]
  t.match(await program.run('create-stream', [visits, ...others, ...both]), { code: 2, stdout: '', stderr: /^USAGE_BAD_VALUE: /m })
  t.strictSame(await admin.snapshot(topic), snapshot)
})

await t.test('does not delete the topic if the file is truncated, empty, not Avro, missing or without alerts', async t => {
  const { topic, flags, snapshot } = await loaded()
  const folder = await tempDir(t)
  const bytes = await readFile(visits)
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
    t.equal(result.stderr.split('\n').length, 2, 'the error has one line')
  }
  const none = await alertFile(t, { alerts: 0 })
  t.match(await program.run('create-stream', [none, ...flags, '--create-topic']), {
    code: 1, stdout: '', stderr: /^NO_ALERTS: the file holds no readable alert \(0 damaged alerts\)/
  })
  t.strictSame(await admin.snapshot(topic), snapshot)
})

await t.test('does not delete the topic if a stop comes before the load begins', async t => {
  const { flags, topic, snapshot } = await loaded()
  const argv = [visits, ...flags, '--create-topic', '--broker', stack.kafka, '--schema-registry-url', stack.registry]
  const { config, positionals } = parseCommandLine(createStream, argv, {})
  const host = {
    log: silent, stop: AbortSignal.abort(), cacheDir: cache().cacheDir, environment: {}, modes, self: [], cwd: '.', isTerminal: false,
    print: async () => {}, progress: () => {}, requestStop: () => {}, expose: async () => undefined
  }
  await t.rejects(createStream.run(config, positionals, host), { code: 'STOPPED', where: visits })
  t.strictSame(await admin.snapshot(topic), snapshot)
})
