// What create-stream makes of the alerts it is given: damaged, of other schemas, too large, too many to finish.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { alertFacts, createContainerWriter, createRegistryClient, parseFrame, type AlertValue } from '../../src/avro/index.ts'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import { headerText } from '../../src/kafka/record.ts'
import { checkStaticTopic } from '../../src/simulator/static-topic.ts'
import { generatorOf, surveySchema } from '../generator/support.ts'
import { adminFor, eventually } from '../kafka/support.ts'
import { tempDir, uniqueName, useStack } from '../support/stack.ts'
import { alertFile, alertsOf, connectionTo, everyRecord, Program, staticTopics } from './support.ts'

const stack = await useStack(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const newest = await surveySchema('11.1')
const subject = uniqueName('alert-packet')
await createRegistryClient({ url: stack.registry }).register(subject, newest.text)

const topics = () => staticTopics(subject)

await t.test('of a file with a damaged block the rest is loaded, and a dead letter says what was lost', async t => {
  const path = await alertFile(t, { alerts: 40, codec: 'snappy', blockBytes: 10_000 })
  const bytes = await readFile(path)
  const marker = bytes.subarray(bytes.length - 16)
  const ends: number[] = []
  for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 16)) ends.push(at)
  t.ok(ends.length >= 4, `${ends.length - 1} blocks`)
  // The checksum of the second block.
  bytes[ends[2]! - 1]! ^= 0xff
  await writeFile(path, bytes)
  const { topic, letters, flags } = topics()
  const { code, stdout, stderr } = await program.run('create-stream', [path, ...flags])
  t.equal(code, 0, stderr)
  const [, count] = /^loaded (\d+) of 40 alerts .*, 1 dead letters\n$/.exec(stdout) ?? []
  t.ok(Number(count) > 10 && Number(count) < 40, stdout)
  t.equal((await everyRecord(connection, topic)).length, Number(count))
  t.type(await checkStaticTopic(admin, connection, topic), 'object', 'what could be loaded is whole')
  const [letter, ...more] = await everyRecord(connection, letters)
  t.strictSame(more, [])
  t.equal(headerText(letter!, 'dead-letter-reason'), 'AVRO_CRC_MISMATCH')
  t.equal(headerText(letter!, 'dead-letter-node'), 're-encode')
  t.match(headerText(letter!, 'dead-letter-position'), new RegExp(`${path}#\\d+`))
})

await t.test('alerts of 7.4 cannot become 11.1 by Avro\'s rules: dead letters that name the fields and hold the alert, no mark, exit code 1', async t => {
  const path = await alertFile(t, { version: '7.4', alerts: 3 })
  const { topic, letters, flags } = topics()
  const result = await program.run('create-stream', [path, ...flags])
  t.match(result, { code: 1, stdout: '', stderr: new RegExp(`^NO_ALERTS: none of 3 alerts could be loaded as schema 11\\.1, all are in topic ${letters} .*RESOLUTION_IMPOSSIBLE: .*diaSource\\.timeProcessedMjdTai`, 'm') })
  t.equal(await checkStaticTopic(admin, connection, topic), 'it is empty')
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

await t.test('a file of which no alert fits costs no topic: what --create-topic was to replace is still whole', async t => {
  const { topic, flags } = topics()
  t.match(await program.run('create-stream', [await alertFile(t, { alerts: 8 }), ...flags]), { code: 0 })
  const snapshot = await admin.snapshot(topic)
  const result = await program.run('create-stream', [await alertFile(t, { version: '7.4', alerts: 2 }), ...flags, '--create-topic'])
  t.match(result, { code: 1, stderr: /^NO_ALERTS: none of 2 alerts/m })
  t.strictSame(await admin.snapshot(topic), snapshot)
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
  t.type(await checkStaticTopic(admin, connection, topic), 'object')
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
