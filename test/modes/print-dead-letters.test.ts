// print-stream with dead letters, from a topic and from a store, with and without the schema registry.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { registryErrors, frameErrors } from '../../src/avro/errors.ts'
import { position, textHeader, type KafkaRecord } from '../../src/kafka/record.ts'
import type { DeadLetter } from '../../src/pipeline/index.ts'
import { deadLetterTopicSink } from '../../src/dead-letters/topic-sink.ts'
import { deadLetterStoreSink } from '../../src/dead-letters/store-sink.ts'
import { openStore } from '../../src/stores/index.ts'
import { adminFor, connect, contextOf, everyRecord, produce } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { CLOSED_PORT, tempDir, uniqueName, useStack } from '../support/stack.ts'
import { registerAlerts, storeUrl } from './archive-support.ts'
import { linesOf, Program } from './support.ts'

const stack = await useStack(t)
const program = new Program(stack)
const connection = await connect(stack.kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(stack.registry)
const print = (...args: string[]) => {
  const registry = args.includes('--schema-registry-url') ? [] : ['--schema-registry-url', stack.registry]
  return runMode(['print-stream', '--broker', stack.kafka, ...registry, ...args])
}

const unknown = alerts.frame(7n)
unknown.writeUInt32BE(0x7ffffff0, 1)
const origin = { topic: 'alerts-simulated', partition: 3, leaderEpoch: 0, timestamp: 1_700_000_000_000n, headers: [] }
const records: Array<{ readonly record: KafkaRecord, readonly error: Error }> = [
  {
    record: { ...origin, offset: 42n, key: Buffer.from('123'), value: unknown },
    error: registryErrors.UNKNOWN_SCHEMA('the schema registry has no schema with id 2147483632', { where: 'GET http://registry' })
  },
  {
    record: { ...origin, offset: 43n, key: null, value: null, headers: [textHeader('dead-letter-redriven', '2')] },
    error: frameErrors.FRAME_EMPTY('the message\nis empty')
  },
  { record: { ...origin, offset: 44n, key: Buffer.from([0xff]), value: alerts.frame(99n) }, error: new Error('odd') },
  {
    record: { ...origin, offset: 45n, key: Buffer.from('x'), value: Buffer.from('{"not": "a frame"}') },
    error: frameErrors.FRAME_BAD_MAGIC('begins with 0x7b')
  }
]
const deadLetters = records.map(({ record, error }): DeadLetter => {
  const at = position(record)
  return { record: { value: record, bytes: 1, position: at }, origin: { node: 'kafka', position: at }, node: 'unframe', error, attempts: 1 }
})

const topic = uniqueName('dead')
const root = join(await tempDir(t), 'store')
const url = storeUrl(root)
const createTopic = { partitions: 1, replicas: 1 }
const topicSink = deadLetterTopicSink({ connection, topic, createTopic, expected: { topics: [] } })
for (const sink of [topicSink, deadLetterStoreSink({ url, open: async log => openStore(url, { log }) })]) {
  await sink.open?.(contextOf())
  for (const deadLetter of deadLetters) await sink.write(deadLetter)
  await sink.close?.()
}

const expected = [
  'alerts-simulated[3]@42  unframe  UNKNOWN_SCHEMA: the schema registry has no schema with id 2147483632 (GET http://registry)  id 123  ' +
    `${unknown.length} bytes`,
  'alerts-simulated[3]@43  unframe  FRAME_EMPTY: the message is empty  id unknown  0 bytes  redriven 2',
  `alerts-simulated[3]@44  unframe  UNEXPECTED: odd  id 99  ${alerts.frame(99n).length} bytes`,
  'alerts-simulated[3]@45  unframe  FRAME_BAD_MAGIC: begins with 0x7b  id unknown  18 bytes'
]

await t.test('prints time, origin, node, reason, id, size and redrive count of each dead letter of a topic', async t => {
  const { code, stdout, stderr } = await print('--topic', topic)
  t.match({ code, stderr }, { code: 0, stderr: '' })
  const times = (await everyRecord(connection, topic)).map(({ timestamp }) => new Date(Number(timestamp)).toISOString())
  t.strictSame(linesOf(stdout), expected.map((line, index) => `${times[index]}  ${line}`))
})

await t.test('prints dead letters while the registry is down, without the alert ids that only a schema can decode', async t => {
  const { code, stdout, stderr } = await print('--topic', topic, '--schema-registry-url', `http://127.0.0.1:${CLOSED_PORT}`)
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.strictSame(linesOf(stdout).map(line => line.slice(line.indexOf('  ') + 2)), expected.map(line => line.replace('id 99', 'id unknown')))
})

await t.test('--json prints every header by name, and --reason selects the dead letters to print', async t => {
  const { code, stdout } = await print('--topic', topic, '--json', '--reason', 'FRAME_EMPTY,UNEXPECTED')
  t.equal(code, 0)
  const lines = linesOf(stdout).map(line => JSON.parse(line) as Record<string, unknown>)
  t.equal(lines.length, 2)
  t.match(lines[0], { position: `${topic}[0]@1`, size: 0 })
  t.strictSame(Object.fromEntries(Object.entries(lines[0]!).filter(([name]) => name.startsWith('dead-letter-'))), {
    'dead-letter-reason': 'FRAME_EMPTY', 'dead-letter-message': 'the message\nis empty', 'dead-letter-node': 'unframe',
    'dead-letter-position': 'alerts-simulated[3]@43',
    'dead-letter-attempts': '1', 'dead-letter-topic': 'alerts-simulated', 'dead-letter-partition': '3', 'dead-letter-offset': '43',
    'dead-letter-timestamp': '1700000000000', 'dead-letter-redriven': '2'
  })
  t.match(lines[1], { id: '99', 'dead-letter-reason': 'UNEXPECTED' })
})

await t.test('prints each dead letter of a store with the timestamp of its record, and each unreadable object with the error', async t => {
  const { code, stdout, stderr } = await print('--dead-letter-store', url)
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.strictSame(linesOf(stdout), expected.map(line => `${new Date(1_700_000_000_000).toISOString()}  ${line}`))
  const damaged = join(await tempDir(t), 'store')
  await mkdir(join(damaged, 'dead-letters/v1/t'), { recursive: true })
  await writeFile(join(damaged, 'dead-letters/v1/t/1.json'), '{"reason":')
  const odd = await print('--dead-letter-store', storeUrl(damaged))
  const problem = 'LETTER_UNREADABLE: cannot read the dead letter: the object is not JSON'
  t.match(odd, { code: 0, stdout: `-  dead-letters/v1/t/1.json  not an alert: ${problem}  10 bytes\n` })
})

await t.test('distinguishes dead letters from alerts in one topic, and --follow prints both as they arrive', async t => {
  const own = uniqueName('mixed')
  await admin.createTopic(own, { partitions: 1, replicas: 1 })
  const follow = program.start(t, 'print-stream', ['--topic', own, '--follow', '--count', '2'])
  const sink = deadLetterTopicSink({ connection, topic: own, createTopic, expected: { topics: [] } })
  await sink.open?.(contextOf())
  await produce(connection, own, [alerts.record(5n, 0)])
  await sink.write(deadLetters[1]!)
  await sink.close?.()
  const { code, stdout } = await follow.finished
  t.equal(code, 0)
  const lines = linesOf(stdout)
  t.match(lines[0], /Z {2}5 {2}history 0 {2}\d+ bytes$/)
  t.match(lines[1], /FRAME_EMPTY/)
})

await t.test('--follow, --from latest and --topic are usage errors with --dead-letter-store', async t => {
  const wrong = [['--follow'], ['--from', 'latest'], ['--topic', topic]]
  const results = await Promise.all(wrong.map(async flag => await print('--dead-letter-store', url, ...flag)))
  for (const [index, result] of results.entries()) {
    t.match(result, { code: 2, stdout: '', stderr: new RegExp(`^USAGE_BAD_VALUE: ${wrong[index]!.join(' ')} and --dead-letter-store`) })
  }
  t.match(await print('--dead-letter-store', storeUrl(join(root, 'not-there'))), { code: 1, stderr: /^STORE_MISSING/ })
})

await t.test('prints a repeated dead letter once', async t => {
  const own = uniqueName('dead')
  const sink = deadLetterTopicSink({ connection, topic: own, createTopic, expected: { topics: [] } })
  await sink.open?.(contextOf())
  for (const deadLetter of [...deadLetters, ...deadLetters]) await sink.write(deadLetter)
  await sink.close?.()
  const { code, stdout } = await print('--topic', own)
  t.equal(code, 0)
  t.strictSame(linesOf(stdout).map(line => line.slice(line.indexOf('  ') + 2)), expected)
})
