import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { alertFacts, createContainerWriter, createRegistryClient, openContainer, parseFrame, type AlertValue } from '../../src/avro/index.ts'
import { freePorts } from '../../src/devstack/index.ts'
import { completionOf } from '../../src/kafka/completion.ts'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import { headerText } from '../../src/kafka/record.ts'
import { wholeTopic } from '../../src/sources/static-topic.ts'
import { generatorOf, surveySchema } from '../generator/kit.ts'
import { adminFor, eventually } from '../kafka/support.ts'
import { tempDir, uniqueName, useStack } from '../support/stack.ts'
import { alertFile, connectionTo, everyRecord, Program } from './support.ts'

const stack = await useStack(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const newest = await surveySchema('11.1')
const subject = uniqueName('alert-packet')
const { id: schemaId } = await createRegistryClient({ url: stack.registry }).register(subject, newest.text)
const whole = await alertFile(t, { alerts: 30, visits: 2 })

function topics () {
  const topic = uniqueName('static')
  const letters = uniqueName('letters')
  return { topic, letters, flags: ['--dst-topic', topic, '--dead-letter-topic', letters, '--subject', subject] }
}

async function alertsOf (path: string): Promise<Map<string, AlertValue>> {
  const alerts = new Map<string, AlertValue>()
  const container = await openContainer(path)
  for await (const item of container.records()) if (item.error === undefined) alerts.set(String(alertFacts(item.value).id), item.value)
  await container.close()
  return alerts
}

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
  t.match(await wholeTopic(admin, connection, topic), { topic, partitions: 5 })
  const marks = records.map(completionOf).filter(each => each !== undefined)
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
  t.type(await wholeTopic(admin, connection, topic), 'object')
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
  const [port] = await freePorts(1)
  const registry = await program.run('create-stream', [whole, ...flags, '--create-topic', '--schema-registry-url', `http://127.0.0.1:${port}`])
  t.match(registry, { code: 1, stdout: '', stderr: new RegExp(`^REGISTRY_UNAVAILABLE: .*127\\.0\\.0\\.1:${port}.*$`, 'm') })
  t.strictSame(await admin.snapshot(topic), snapshot)
  const broker = await program.run('create-stream', [whole, ...flags, '--create-topic', '--broker', `127.0.0.1:${port}`])
  t.match(broker, { code: 1, stdout: '', stderr: new RegExp(`^KAFKA_UNREACHABLE: .*127\\.0\\.0\\.1:${port}.*$`, 'm') })
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

await t.test('of a file with a damaged block the rest is loaded, and a dead letter says what was lost', async t => {
  const path = await alertFile(t, { alerts: 40, codec: 'deflate', blockBytes: 40_000, syncMarker: 'marker' })
  const bytes = await readFile(path)
  const marker = bytes.subarray(bytes.length - 16)
  const ends: number[] = []
  for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 16)) ends.push(at)
  t.ok(ends.length >= 4, `${ends.length - 1} blocks`)
  bytes.fill(0xff, ends[2]! - 60, ends[2]! - 20)
  await writeFile(path, bytes)
  const { topic, letters, flags } = topics()
  const { code, stdout, stderr } = await program.run('create-stream', [path, ...flags])
  t.equal(code, 0, stderr)
  const [, count] = /^loaded (\d+) of 40 alerts .*, 1 dead letters\n$/.exec(stdout) ?? []
  t.ok(Number(count) > 10 && Number(count) < 40, stdout)
  t.equal((await everyRecord(connection, topic)).length, Number(count))
  t.type(await wholeTopic(admin, connection, topic), 'object', 'what could be loaded is whole')
  const [letter, ...more] = await everyRecord(connection, letters)
  t.strictSame(more, [])
  t.equal(headerText(letter!, 'dead-letter-reason'), 'AVRO_BAD_BLOCK')
  t.equal(headerText(letter!, 'dead-letter-node'), 're-encode')
  t.match(headerText(letter!, 'dead-letter-position'), new RegExp(`${path}#\\d+`))
})

await t.test('alerts of 7.4 cannot become 11.1 by Avro\'s rules: dead letters that name the fields and hold the alert, no mark, exit code 1', async t => {
  const path = await alertFile(t, { version: '7.4', alerts: 3 })
  const { topic, letters, flags } = topics()
  const result = await program.run('create-stream', [path, ...flags])
  t.match(result, { code: 1, stdout: '', stderr: new RegExp(`^NO_ALERTS: none of 3 alerts could be loaded as schema 11\\.1, all are in topic ${letters} .*RESOLUTION_IMPOSSIBLE: .*diaSource\\.timeProcessedMjdTai`, 'm') })
  t.equal(await wholeTopic(admin, connection, topic), 'it is empty')
  const dead = await everyRecord(connection, letters)
  t.equal(dead.length, 3)
  const alerts = await alertsOf(path)
  const old = await surveySchema('7.4')
  for (const letter of dead) {
    t.equal(headerText(letter, 'dead-letter-reason'), 'RESOLUTION_IMPOSSIBLE')
    t.match(headerText(letter, 'dead-letter-message'), /diaSource\.timeProcessedMjdTai/)
    const id = String(alertFacts(old.decode(letter.value!)).id)
    t.ok(old.encode(alerts.get(id)!).equals(letter.value!), 'the alert as it was in the file')
  }
})

await t.test('with --fill-in an alert of 7.4 comes out as 11.1, with the new fields at their defaults', async t => {
  const path = await alertFile(t, { version: '7.4', alerts: 6 })
  const { topic, flags } = topics()
  t.match(await program.run('create-stream', [path, ...flags, '--fill-in']), { code: 0, stdout: /^loaded 6 of 6 alerts .*schema 11\.1/ })
  const alerts = await alertsOf(path)
  for (const { key, value } of await everyRecord(connection, topic)) {
    const alert = newest.decode(parseFrame(value!).datum)
    const before = alerts.get(key!.toString())!
    t.equal(alert['diaSourceId'], before['alertId'])
    const [source, old] = [alert['diaSource'], before['diaSource']] as Array<Record<string, unknown>>
    t.equal(source!['midpointMjdTai'], old!['midpointMjdTai'])
    t.equal(source!['ra'], old!['ra'])
    t.ok(Number.isNaN(source!['timeProcessedMjdTai']), 'a required time that 7.4 does not have')
    t.equal(source!['bboxSize'], 0, 'a required count')
  }
})

await t.test('with --schema-version alerts keep to an older schema', async t => {
  const text = (await surveySchema('7.4')).text
  const { id } = await createRegistryClient({ url: stack.registry }).register(subject, text)
  const path = await alertFile(t, { version: '7.4', alerts: 3 })
  const { topic, flags } = topics()
  t.match(await program.run('create-stream', [path, ...flags, '--schema-version', '7.4']), { code: 0, stdout: new RegExp(`schema 7\\.4 with id ${id}\\)`) })
  const alerts = await alertsOf(path)
  for (const { key, value } of await everyRecord(connection, topic)) {
    t.ok(parseFrame(value!).datum.equals((await surveySchema('7.4')).encode(alerts.get(key!.toString())!)))
  }
})

await t.test('an alert that is too large for the topic is a dead letter, the rest is complete', async t => {
  const path = await alertFile(t, { alerts: 8, change: (alert, index) => index === 3 ? { ...alert, cutoutScience: Buffer.alloc(300_000) } : alert })
  const { topic, letters, flags } = topics()
  const { code, stdout, stderr } = await program.run('create-stream', [path, ...flags, '--dst-topic-max-message-bytes', '200000'])
  t.equal(code, 0, stderr)
  t.match(stdout, /^loaded 7 of 8 alerts .*, 1 dead letters/)
  t.type(await wholeTopic(admin, connection, topic), 'object')
  const [letter] = await everyRecord(connection, letters)
  t.equal(headerText(letter!, 'dead-letter-reason'), 'KAFKA_MESSAGE_TOO_LARGE')
  t.match(headerText(letter!, 'dead-letter-message'), /alert \d+ is too large: \d+ bytes .*200000 bytes/)
})

/** A file of `count` alerts, made of a few by giving them other ids. */
async function largeFile (path: string, count: number, change: (alert: AlertValue, index: number) => AlertValue): Promise<void> {
  const generator = await generatorOf('11.1')
  const some = Array.from({ length: 5 }, (_, index) => generator.alert(0, index, 5))
  const writer = await createContainerWriter(path, newest)
  for (let index = 0; index < count; index++) await writer.append(change({ ...some[index % 5]!, diaSourceId: BigInt(index) }, index))
  await writer.close()
}

await t.test('one large alert held back for each partition does not use up the credits', async t => {
  const path = join(await tempDir(t), 'large.avro')
  const ids: bigint[] = []
  // Two for each of six partitions: twelve times 13 MB, of which six are held to the end, more than the graph's bytes in hand.
  for (let id = 0n; ids.length < 12; id++) {
    const wanted = ids.length % 6
    if (partitionFor(Buffer.from(String(id)), 6) === wanted) ids.push(id)
  }
  await largeFile(path, 12, (alert, index) => ({ ...alert, diaSourceId: ids[index], cutoutScience: Buffer.alloc(13_000_000), cutoutTemplate: null }))
  const { topic, flags } = topics()
  const { code, stdout, stderr } = await program.run('create-stream', [path, ...flags, '--dst-topic-partitions', '6'])
  t.equal(code, 0, stderr)
  t.match(stdout, /^loaded 12 of 12 alerts/)
  t.strictSame((await admin.snapshot(topic))?.end, [2n, 2n, 2n, 2n, 2n, 2n])
  await admin.deleteTopic(topic)
})

await t.test('stopped in the midst it exits with 1, and what it leaves is not played', async t => {
  const path = join(await tempDir(t), 'long.avro')
  await largeFile(path, 4000, alert => ({ ...alert, cutoutTemplate: null }))
  const { topic, flags } = topics()
  const cli = program.start(t, 'create-stream', [path, ...flags])
  await eventually(async () => await admin.describeTopic(topic) !== undefined && !await admin.isEmpty(topic))
  const { code, stdout, stderr } = await cli.stop()
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, new RegExp(`^STREAM_INCOMPLETE: stopped after \\d+ of 4000 alerts \\(${topic} .*create-stream again with --create-topic`, 'm'))
  const refused = await program.run('play-stream', ['--src-topic', topic, '--dst-topic', uniqueName('simulated'), '--create-dst-topic', '--repeat-interval', '-1'])
  t.match(refused, { code: 1, stdout: '', stderr: /^STATIC_TOPIC_INCOMPLETE: .*no mark of a finished load/m })
  await admin.deleteTopic(topic)
})

await t.test('stopped before it has read the file it leaves the topic whole', async t => {
  const { topic, flags, snapshot } = await loaded()
  const cli = program.start(t, 'create-stream', [whole, ...flags, '--create-topic', '--log-level', 'info'])
  // The signal arrives before the file is read, or between reading and loading: either way before anything is deleted, or after the load.
  cli.child.kill('SIGTERM')
  const { code } = await cli.finished
  t.not(code, 0)
  t.strictSame(await admin.snapshot(topic), snapshot)
})
