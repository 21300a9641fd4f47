// replay: archived alerts are republished with their original key, headers and timestamp, judged by librdkafka on a real broker.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { adminFor, connect, everyRecord, produce } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, startCli, tempDir, uniqueName, usePython, useS3, useStack } from '../support/stack.ts'
import { alertPath, ingestArgs, newTarget, registerAlerts, whileRunning } from './archive-support.ts'
import { archived, idOfNight, judgeReplay, night, nightRecords, replayArgs } from './replay-support.ts'

const servers = await useStack(t)
const python = await usePython(t)
const s3 = await useS3(t)
const connection = await connect(servers.kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(servers.registry)

const records = nightRecords(alerts, 3000)
const at = await archived(t, servers, admin, connection, records)
const create = ['--create-dst-topic', '--dst-topic-partitions', '5']
const sent = (count: number, before = 0, leftOut = 0) => ({
  code: 0, stdout: `replay: ${count} alert${count === 1 ? '' : 's'} sent, ${before} processed before, ${leftOut} left out\n`, stderr: ''
})

await t.test('every record of a night equals the original in value, key, headers and timestamp, in the original order', async t => {
  const topic = uniqueName('replayed')
  const args = replayArgs(at, topic, '--night', night, ...create)
  t.strictSame(await runMode(args), sent(3000))
  t.strictSame(await judgeReplay(python, at, topic), { original: 3000, replayed: 3000, repeated: 0, missing: 0, problems: [] })
  t.strictSame(await runMode(args), sent(0, 3000), 'the same command sends nothing again')
  t.strictSame(await runMode([...args, '--group', uniqueName('again')]), sent(3000), 'another group sends all alerts again')
})

await t.test('a group is used for one selection of alerts', async t => {
  const topic = uniqueName('replayed')
  const group = uniqueName('group')
  t.strictSame(await runMode(replayArgs(at, topic, '--visit', `${night}00101`, '--group', group, ...create)), sent(500))
  t.match(await runMode(replayArgs(at, topic, '--night', night, '--group', group)), {
    code: 1, stdout: '', stderr: /^REPLAY_OTHER_SELECTION: the replay of visit 2026022400101 uses the group/
  })
  await admin.deleteTopic(topic)
  t.strictSame(await runMode(replayArgs(at, topic, '--night', night, '--group', group, ...create)), sent(3000), 'of a new topic, it is new')
})

await t.test('the order from an index equals the order from the gzip headers', async t => {
  const index = pathToFileURL(join(await tempDir(t), 'index')).href
  const rebuild = ['index', '--rebuild', '--night', night, '--alert-store', at.store, '--index-store', index, '--segment-rows', '600']
  t.match(await runMode(rebuild), { code: 0, stdout: 'indexed 3000 alerts in 5 segments, 0 failed\n' })
  // The positions of its alerts then come from their gzip headers.
  const [segment] = (await readdir(fileURLToPath(index), { recursive: true })).filter(name => name.endsWith('.parquet'))
  await rm(join(fileURLToPath(index), segment!))
  const topic = uniqueName('replayed')
  const args = replayArgs(at, topic, '--night', night, '--index-store', index, '--rate', '100000', ...create)
  t.strictSame(await runMode(args), sent(3000))
  t.strictSame(await judgeReplay(python, at, topic), { original: 3000, replayed: 3000, repeated: 0, missing: 0, problems: [] })
})

await t.test('the alerts of a file of ids are sent once each, from a bucket', async t => {
  const bucket = { store: `s3://${await s3.bucket()}`, flags: ['--s3-endpoint-url', s3.url], env: s3.env }
  const few = nightRecords(alerts, 90)
  const inBucket = await archived(t, servers, admin, connection, few, bucket)
  const topic = uniqueName('replayed')
  const ids = join(await tempDir(t), 'ids.txt')
  await writeFile(ids, few.map((_, index) => `${index % 2 === 0 ? '' : 'LSST-AP-DS-'}${idOfNight(index)}\n`).join('') + `${idOfNight(3)}\n`)
  const args = replayArgs(inBucket, topic, '--ids', ids, ...create, ...bucket.flags)
  const replay = async () => {
    const { code, stdout, stderr } = await runCli(args, { env: bucket.env })
    // Without the log lines.
    return { code, stdout, stderr: stderr.replace(/^\{.*\n/gm, '') }
  }
  t.strictSame(await replay(), sent(90))
  t.strictSame(await judgeReplay(python, inBucket, topic), { original: 90, replayed: 90, repeated: 0, missing: 0, problems: [] })
  t.strictSame(await replay(), sent(0, 90))
  await writeFile(ids, `${idOfNight(0)}\n7\n`)
  t.match(await replay(), { code: 1, stdout: '', stderr: /^REPLAY_ALERT_MISSING: the alert 7 is not archived .* With --ids: remove/ })
  await writeFile(ids, `${idOfNight(0)}\nseven\n`)
  t.match(await replay(), { code: 2, stderr: /^REPLAY_IDS: "seven" is not an alert id .*ids.txt:2/ })
})

await t.test('alerts without complete provenance are sent with --allow-incomplete only', async t => {
  const own = await archived(t, servers, admin, connection, nightRecords(alerts, 30).map((record, index): OutgoingRecord =>
    index === 7 ? { ...record, headers: [[Buffer.from('long'), Buffer.alloc(80_000, 'h')]] } : record))
  for (const index of [3, 4]) {
    const path = alertPath(own.root, String(idOfNight(index)))
    await writeFile(path, gzipSync(gunzipSync(await readFile(path))))
  }
  const topic = uniqueName('replayed')
  const args = replayArgs(own, topic, '--night', night, ...create)
  t.match(await runMode(args), { code: 1, stdout: '', stderr: /^REPLAY_INCOMPLETE: 3 of 30 alerts have no complete provenance/ })
  t.equal((await everyRecord(connection, topic)).length, 0)
  t.strictSame(await runMode([...args, '--allow-incomplete']), sent(30))
  const replayed = await everyRecord(connection, topic)
  for (const index of [3, 4, 7]) {
    const value = alerts.frame(idOfNight(index))
    const found = replayed.find(record => record.value!.equals(value))
    t.match(found, index === 7 ? { key: Buffer.from(`key ${idOfNight(index)}`), headers: [] } : { key: null, headers: [] })
  }
})

await t.test('a damaged object is left out, and the exit code is 1, also of later runs', async t => {
  const own = await archived(t, servers, admin, connection, nightRecords(alerts, 30))
  const path = alertPath(own.root, String(idOfNight(5)))
  const object = await readFile(path)
  object[object.length - 5]! ^= 1
  await writeFile(path, object)
  const topic = uniqueName('replayed')
  const args = replayArgs(own, topic, '--night', night, ...create)
  const stderr = /^REPLAY_LEFT_OUT: 1 alert not sent/
  t.match(await runMode(args), { ...sent(29, 0, 1), code: 1, stderr })
  t.match(await runMode(args), { ...sent(0, 30, 1), code: 1, stderr })
  await rm(path)
  const group = ['--group', `alert-stream-replay-${night}`]
  t.match(await runMode([...args, ...group]), { code: 1, stdout: '', stderr: /^REPLAY_CHANGED: the first 30 alerts of the selection/ })
})

await t.test('an index with another record of an alert than its object is an error', async t => {
  const own = await archived(t, servers, admin, connection, nightRecords(alerts, 3))
  const other = uniqueName('other')
  await admin.createTopic(other, { partitions: 3, replicas: 1, configs: { 'retention.ms': '-1' } })
  await produce(connection, other, nightRecords(alerts, 1))
  const index = pathToFileURL(join(await tempDir(t), 'index')).href
  const indexer = startCli(t, [
    'index', '--broker', own.kafka, '--schema-registry-url', own.registry, '--topic', other, '--group', uniqueName('index'),
    '--index-store', index, '--segment-rows', '1', '--admin-port', '0'
  ])
  await whileRunning(indexer, async () => (await readdir(fileURLToPath(index), { recursive: true }).catch(() => []))
    .some(name => name.endsWith('.parquet')))
  t.match(await indexer.stop(), { code: 0 })
  const args = replayArgs(own, uniqueName('replayed'), '--night', night, '--index-store', index, ...create)
  t.match(await runMode(args), {
    code: 1, stdout: '', stderr: /^REPLAY_INDEX_DIFFERS: the Kafka position in the index differs .* and with the same --group/
  })
})

await t.test('a second replay with the same group is detected', async t => {
  const topic = uniqueName('replayed')
  const group = uniqueName('group')
  await admin.createTopic(topic, { partitions: 2, replicas: 1, configs: { 'retention.ms': '-1' } })
  const slow = startCli(t, replayArgs(at, topic, '--night', night, '--group', group, '--rate', '300', '--batch-size', '10'))
  await whileRunning(slow, async () => ((await admin.committed(group, topic))[0] ?? 0n) > 10n)
  const fast = await runMode(replayArgs(at, topic, '--night', night, '--group', group))
  const { code, stderr } = await slow.finished
  // Whoever commits second finds the commit of the other one.
  t.match([fast, { code, stderr }].find(each => each.code !== 0), { code: 1, stderr: /REPLAY_CONCURRENT: another process commits offsets/ })
})

await t.test('a stop ends the replay cleanly, and the same command sends the rest', async t => {
  const topic = uniqueName('replayed')
  const args = replayArgs(at, topic, '--night', night, ...create)
  const slow = startCli(t, [...args, '--rate', '500'])
  await whileRunning(slow, async () => (await admin.endOffsets(topic).catch(() => [0n])).some(end => end > 5n))
  const { code, stdout, stderr } = await slow.stop('SIGTERM')
  t.equal(code, 0)
  t.match(stderr, /stopped before the end: run the same command again to send the rest/)
  const [, first] = /^replay: (\d+) alerts sent, 0 processed before, 0 left out\n$/.exec(stdout) ?? []
  t.strictSame(await runMode(args), sent(3000 - Number(first), Number(first)))
  t.strictSame(await judgeReplay(python, at, topic), { original: 3000, replayed: 3000, repeated: 0, missing: 0, problems: [] })
})

await t.test('the headers that redrive has added are left out', async t => {
  const own = await newTarget(t, servers)
  await admin.createTopic(own.topic, { partitions: 1, replicas: 1, configs: { 'retention.ms': '-1' } })
  const header = (name: string, value: string) => [Buffer.from(name), Buffer.from(value)] as const
  const origin = [
    header('dead-letter-origin-topic', 'alerts'), header('dead-letter-origin-partition', '1'), header('dead-letter-origin-offset', '2'),
    header('dead-letter-origin-timestamp', '3'), header('dead-letter-redriven', '1')
  ]
  const trace = header('trace', 'x')
  const [first, second] = nightRecords(alerts, 2)
  await produce(connection, own.topic, [
    { ...first!, partition: 0, headers: [trace, ...origin] }, { ...second!, partition: 0, headers: [origin[0]!, trace] }
  ])
  t.match(await runMode(ingestArgs(own, '--limit', '2')), { code: 0 })
  const topic = uniqueName('replayed')
  const args = replayArgs({ ...own, store: pathToFileURL(own.root).href }, topic, '--night', night, ...create)
  t.strictSame(await runMode(args), sent(2))
  const headers = (await everyRecord(connection, topic)).map(each => each.headers).sort((a, b) => a.length - b.length)
  t.strictSame(headers, [[trace], [origin[0], trace]], 'a record that was not redriven keeps all its headers')
})

await t.test('topics that replace timestamps, missing topics, alerts above the limit of the topic and wrong flags are errors', async t => {
  const topic = uniqueName('append-time')
  await admin.createTopic(topic, { partitions: 1, replicas: 1, configs: { 'message.timestamp.type': 'LogAppendTime' } })
  t.match(await runMode(replayArgs(at, topic, '--night', night)), { code: 1, stderr: /^REPLAY_TIMESTAMPS: the destination topic replaces/ })
  t.match(await runMode(replayArgs(at, uniqueName('none'), '--night', night)), { code: 1, stderr: /^KAFKA_TOPIC_MISSING: .*--create-dst/ })
  const small = uniqueName('small')
  const limit = ['--create-dst-topic', '--dst-topic-max-message-bytes', '1024']
  t.match(await runMode(replayArgs(at, small, '--night', night, ...limit)), {
    code: 1, stderr: /^KAFKA_MESSAGE_TOO_LARGE: .*the topic allows 1024 bytes \(max.message.bytes\)/
  })
  t.equal((await everyRecord(connection, small)).length, 0)
  const many = replayArgs(at, uniqueName('many'), '--night', night, '--max-alerts', '2999', ...create)
  t.match(await runMode(many), { code: 1, stderr: /^REPLAY_TOO_MANY: more than 2999 alerts/ })
  for (const [args, error] of [
    [['--dst-topic', 'x'], /^USAGE_MISSING: replay needs --night, --visit or --ids/],
    [['--night', night], /^USAGE_MISSING: replay needs --dst-topic/],
    [['--night', night, '--visit', '2026022400001', '--dst-topic', 'x'], /^USAGE_BAD_VALUE: give only one of --night, --visit and --ids/],
    [['--visit', '2026', '--dst-topic', 'x'], /^USAGE_BAD_VALUE: --visit is '2026'/],
    [['--night', '20261399', '--dst-topic', 'x'], /^USAGE_BAD_VALUE: --night is '20261399'/],
    [['--ids', 'ids', '--index-store', 'file:///i', '--dst-topic', 'x'], /^USAGE_BAD_VALUE: --index-store and --ids/],
    [['--ids', '/none', '--dst-topic', 'x', '--alert-store', 'file:///i'], /^REPLAY_IDS: cannot read the file of --ids/]
  ] as const) t.match(await runMode(['replay', ...args]), { code: 2, stdout: '', stderr: error }, args.join(' '))
})
