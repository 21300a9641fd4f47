// create-stream with damaged files, other schema versions, large alerts, and a stop during the load.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { alertSummary, createContainerWriter, createRegistryClient, parseFrame, type AlertValue } from '../../src/avro/index.ts'
import { partitionFor } from '../../src/kafka/murmur2.ts'
import { headerText } from '../../src/kafka/record.ts'
import { checkStaticTopic } from '../../src/simulator/static-topic.ts'
import { generatorOf, surveySchema } from '../generator/support.ts'
import { adminFor, eventually, everyRecord } from '../kafka/support.ts'
import { tempDir, uniqueName, useStack } from '../support/stack.ts'
import { alertFile, alertsOf, connectionTo, Program, staticTopics } from './support.ts'

const stack = await useStack(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const newest = await surveySchema('11.1')
const subject = uniqueName('alert-packet')
await createRegistryClient({ url: stack.registry }).register(subject, newest.text)

const topics = () => staticTopics(subject)

await t.test('loads the undamaged blocks of a file, and writes a dead letter for a damaged block', async t => {
  const path = await alertFile(t, { alerts: 40, codec: 'snappy', blockBytes: 10_000 })
  const bytes = await readFile(path)
  const marker = bytes.subarray(bytes.length - 16)
  const ends: number[] = []
  for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 16)) ends.push(at)
  t.ok(ends.length >= 4, `the file has ${ends.length - 1} blocks, expected at least 3`)
  // Change the byte before the end marker of the second block. The byte belongs to the checksum of that block.
  bytes[ends[2]! - 1]! ^= 0xff
  await writeFile(path, bytes)
  const { topic, deadLetterTopic, flags } = topics()
  const { code, stdout, stderr } = await program.run('create-stream', [path, ...flags])
  t.equal(code, 0, stderr)
  const [, count] = /^loaded (\d+) of 40 alerts .*, 1 dead letters\n$/.exec(stdout) ?? []
  t.ok(Number(count) > 10 && Number(count) < 40, stdout)
  t.equal((await everyRecord(connection, topic)).length, Number(count))
  t.type(await checkStaticTopic(admin, connection, topic), 'object', 'the static topic is complete')
  const [deadLetter, ...more] = await everyRecord(connection, deadLetterTopic)
  t.strictSame(more, [])
  t.equal(headerText(deadLetter!, 'dead-letter-reason'), 'AVRO_CRC_MISMATCH')
  t.equal(headerText(deadLetter!, 'dead-letter-node'), 're-encode')
  t.match(headerText(deadLetter!, 'dead-letter-position'), new RegExp(`${path}#\\d+`))
})

await t.test('if the schema of the file does not resolve to the registered one, dead-letters all alerts and creates no topic', async t => {
  const path = await alertFile(t, { version: '7.4', alerts: 3 })
  const { topic, deadLetterTopic, flags } = topics()
  const result = await program.run('create-stream', [path, ...flags])
  const message = `none of 3 alerts could be re-encoded with schema 11\\.1, all alerts are in topic ${deadLetterTopic}`
  const reason = 'RESOLUTION_IMPOSSIBLE: .*diaSource\\.timeProcessedMjdTai'
  t.match(result, { code: 1, stdout: '', stderr: new RegExp(`^NO_ALERTS: ${message} .*${reason}`, 'm') })
  t.equal(await admin.describeTopic(topic), undefined)
  const dead = await everyRecord(connection, deadLetterTopic)
  t.equal(dead.length, 3)
  const alerts = await alertsOf(path)
  const old = await surveySchema('7.4')
  for (const deadLetter of dead) {
    t.equal(headerText(deadLetter, 'dead-letter-reason'), 'RESOLUTION_IMPOSSIBLE')
    t.match(headerText(deadLetter, 'dead-letter-message'), /diaSource\.timeProcessedMjdTai/)
    const id = String(alertSummary(old.decode(deadLetter.value!)).id)
    t.ok(old.encode(alerts.get(id)!).equals(deadLetter.value!), 'the dead letter holds the datum of the file')
  }
})

await t.test('does not delete the topic if the schema of the file does not resolve to the registered schema', async t => {
  const { topic, flags } = topics()
  t.match(await program.run('create-stream', [await alertFile(t, { alerts: 8 }), ...flags]), { code: 0 })
  const snapshot = await admin.snapshot(topic)
  const result = await program.run('create-stream', [await alertFile(t, { version: '7.4', alerts: 2 }), ...flags, '--create-topic'])
  t.match(result, { code: 1, stderr: /^NO_ALERTS: none of 2 alerts/m })
  t.strictSame(await admin.snapshot(topic), snapshot)
})

await t.test('converts alerts of schema 7.4 to 11.1 with --fill-in', async t => {
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
    t.ok(Number.isNaN(source!['timeProcessedMjdTai']), 'a time field that schema 7.4 does not have is NaN')
    t.equal(source!['bboxSize'], 0, 'a count field that schema 7.4 does not have is 0')
  }
})

await t.test('with --schema-version, encodes alerts with the given older schema', async t => {
  const text = (await surveySchema('7.4')).text
  const { id } = await createRegistryClient({ url: stack.registry }).register(subject, text)
  const path = await alertFile(t, { version: '7.4', alerts: 3 })
  const { topic, flags } = topics()
  t.match(await program.run('create-stream', [path, ...flags, '--schema-version', '7.4']), {
    code: 0, stdout: new RegExp(`schema 7\\.4 with id ${id}\\)`)
  })
  const alerts = await alertsOf(path)
  for (const { key, value } of await everyRecord(connection, topic)) {
    t.ok(parseFrame(value!).datum.equals((await surveySchema('7.4')).encode(alerts.get(key!.toString())!)))
  }
})

await t.test('dead-letters an alert that is too large for the topic, and loads the other alerts', async t => {
  const change = (alert: AlertValue, index: number) => index === 3 ? { ...alert, cutoutScience: Buffer.alloc(300_000) } : alert
  const path = await alertFile(t, { alerts: 8, change })
  const { topic, deadLetterTopic, flags } = topics()
  const { code, stdout, stderr } = await program.run('create-stream', [path, ...flags, '--dst-topic-max-message-bytes', '200000'])
  t.equal(code, 0, stderr)
  t.match(stdout, /^loaded 7 of 8 alerts .*, 1 dead letters/)
  t.type(await checkStaticTopic(admin, connection, topic), 'object')
  const [deadLetter] = await everyRecord(connection, deadLetterTopic)
  t.equal(headerText(deadLetter!, 'dead-letter-reason'), 'KAFKA_MESSAGE_TOO_LARGE')
  t.match(headerText(deadLetter!, 'dead-letter-message'), /alert \d+ is too large: \d+ bytes .*max\.message\.bytes of the topic is 200000/)
})

/** Writes a file of `count` alerts: five generated alerts, repeated with new ids. */
async function largeFile (path: string, count: number, change: (alert: AlertValue, index: number) => AlertValue): Promise<void> {
  const generator = await generatorOf('11.1')
  const some = Array.from({ length: 5 }, (_, index) => generator.alert(0, index, 5))
  const writer = await createContainerWriter(path, newest)
  for (let index = 0; index < count; index++) await writer.append(change({ ...some[index % 5]!, diaSourceId: BigInt(index) }, index))
  await writer.close()
}

await t.test('large alerts that the node mark-last holds back do not use up the credits of the source', async t => {
  const path = join(await tempDir(t), 'large.avro')
  const ids: bigint[] = []
  // Two alerts of 13 MB for each of six partitions. mark-last holds back one alert per partition, which exceeds the default byte credits.
  for (let id = 0n; ids.length < 12; id++) {
    const wanted = ids.length % 6
    if (partitionFor(Buffer.from(String(id)), 6) === wanted) ids.push(id)
  }
  const cutouts = { cutoutScience: Buffer.alloc(13_000_000), cutoutTemplate: null }
  await largeFile(path, 12, (alert, index) => ({ ...alert, ...cutouts, diaSourceId: ids[index] }))
  const { topic, flags } = topics()
  const { code, stdout, stderr } = await program.run('create-stream', [path, ...flags, '--dst-topic-partitions', '6'])
  t.equal(code, 0, stderr)
  t.match(stdout, /^loaded 12 of 12 alerts/)
  t.strictSame((await admin.snapshot(topic))?.end, [2n, 2n, 2n, 2n, 2n, 2n])
  await admin.deleteTopic(topic)
})

await t.test('create-stream exits with 1 if it is stopped during the load, and play-stream does not play the incomplete topic', async t => {
  const path = join(await tempDir(t), 'long.avro')
  await largeFile(path, 4000, alert => ({ ...alert, cutoutTemplate: null }))
  const { topic, flags } = topics()
  const cli = program.start(t, 'create-stream', [path, ...flags])
  await eventually(async () => (await admin.snapshot(topic))?.end.some(end => end > 0n) === true)
  const { code, stdout, stderr } = await cli.stop()
  t.equal(code, 1)
  t.equal(stdout, '')
  const message = `stopped after \\d+ of 4000 alerts \\(${topic}`
  t.match(stderr, new RegExp(`^STREAM_INCOMPLETE: ${message} .*create-stream again with --create-topic`, 'm'))
  const destination = uniqueName('simulated')
  const play = ['--src-topic', topic, '--dst-topic', destination, '--create-dst-topic', '--repeat-interval', '-1']
  t.match(await program.run('play-stream', play), { code: 1, stdout: '', stderr: /^STATIC_TOPIC_INCOMPLETE: .*no completion marker/m })
  t.equal(await admin.describeTopic(destination), undefined)
  await admin.deleteTopic(topic)
})
