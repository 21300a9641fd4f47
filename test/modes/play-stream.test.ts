import t from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import { headerText, textHeader } from '../../src/kafka/record.ts'
import { surveySchema } from '../generator/support.ts'
import { adminFor, everyRecord, outgoing, produce } from '../kafka/support.ts'
import { CLOSED_PORT, uniqueName, useStack } from '../support/stack.ts'
import { alertFile, connectionTo, contentOf, passesOf, Program, load, replayTopics } from './support.ts'

const stack = await useStack(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const subject = uniqueName('alert-packet')
await createRegistryClient({ url: stack.registry }).register(subject, (await surveySchema('11.1')).text)
const file = await alertFile(t, { alerts: 30 })
const ONCE = ['--repeat-interval', '-1', '--burst']

const create = (topic: string, path = file, ...flags: string[]) => load(program, subject, topic, path, ...flags)

await t.test('a single pass copies value, key and headers into a topic that is created with the settings given by flags', async t => {
  const { source, destination } = replayTopics()
  await create(source)
  const args = ['--src-topic', source, '--dst-topic', destination, '--create-dst-topic', ...ONCE]
  const { code, stdout, stderr } = await program.run('play-stream', args)
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.strictSame(passesOf(stdout), [{ pass: 1, alerts: 30, interrupted: undefined }])
  const [before, after] = [await everyRecord(connection, source), await everyRecord(connection, destination)]
  t.strictSame(after.map(contentOf).sort(), before.map(contentOf).sort())
  const partitions = (records: typeof before) => records.map(({ partition }) => partition).sort()
  t.strictSame(partitions(after), partitions(before), 'in both topics, the key of an alert determines the partition')
  t.match(await admin.describeTopic(destination), { partitions: 8, replicas: 1 })
  t.match(await admin.topicConfigs(destination), {
    'retention.ms': '604800000', 'retention.bytes': '100000000000', 'max.message.bytes': String(16 * 1024 * 1024)
  })
})

await t.test('with --accept-unmarked, copies null keys and values, repeated headers and binary headers', async t => {
  const { source, destination, flags } = replayTopics()
  await admin.createTopic(source, { partitions: 1, replicas: 1 })
  await produce(connection, source, [
    outgoing('a', { headers: [textHeader('h', '1'), textHeader('h', '2'), [Buffer.from('null'), null]] }),
    { key: Buffer.from([0xff, 0x00]), value: Buffer.from([0x80]), headers: [[Buffer.from('raw'), Buffer.from([0xfe, 0xff])]] },
    { key: Buffer.from('tombstone'), value: null, headers: [] },
    { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [[Buffer.from('empty'), Buffer.alloc(0)]] }
  ])
  t.match(await program.run('play-stream', [...flags, ...ONCE]), {
    code: 1, stdout: '', stderr: /^STATIC_TOPIC_INCOMPLETE: .*holds 4 records but no completion marker.*--accept-unmarked/m
  })
  t.equal(await admin.describeTopic(destination), undefined)
  const played = await program.run('play-stream', [...flags, ...ONCE, '--accept-unmarked'])
  t.match(played, { code: 0, stdout: /^pass 1: 4 alerts/ })
  t.strictSame((await everyRecord(connection, destination)).map(contentOf), (await everyRecord(connection, source)).map(contentOf))
})

await t.test('publishes alerts in the order of their time offsets', async t => {
  const { source, destination, flags } = replayTopics()
  await create(source)
  t.match(await program.run('play-stream', [...flags, '--repeat-interval', '-1']), { code: 0, stdout: /^pass 1: 30 alerts/ })
  const offsets = (await everyRecord(connection, destination)).map(record => Number(headerText(record, 'alertsim-time-offset')))
  t.equal(offsets.length, 30)
  t.strictSame(offsets, [...offsets].sort((a, b) => a - b))
  t.ok(offsets.at(-1)! > offsets[0]!)
})

await t.test('copies the topic in the bursts of DMTN-149 and prints the lateness', async t => {
  const { source, destination, flags } = replayTopics()
  await create(source)
  const bursts = ['--profile', 'dmtn-149', '--bursts', '5', '--burst-seconds', '0.5', '--seed', '3']
  const { code, stdout } = await program.run('play-stream', [...flags, '--repeat-interval', '-1', ...bursts])
  t.equal(code, 0)
  t.match(stdout, /^pass 1: 30 alerts in \d+\.\d\d s, \d+ alerts\/s, \d+\.\d MB\/s, at most \d+\.\d\d s late\n$/)
  const contents = async (topic: string): Promise<string[]> => (await everyRecord(connection, topic)).map(contentOf).sort()
  t.strictSame(await contents(destination), await contents(source))
  t.match(await program.run('play-stream', ['--burst', '--profile', 'dmtn-149']), {
    code: 2, stderr: /^USAGE_BAD_VALUE: --burst and --profile dmtn-149 cannot be used together/
  })
})

await t.test('checks the static topic before it creates the destination topic', async t => {
  const { source, destination, flags } = replayTopics()
  const where = `${source} at ${stack.kafka}`
  t.match(await program.run('play-stream', [...flags, ...ONCE]), {
    code: 1, stdout: '',
    stderr: new RegExp(`^STATIC_TOPIC_INCOMPLETE: the static topic does not exist \\(${where}\\)\\. .*--accept-unmarked.*\n$`)
  })
  t.equal(await admin.describeTopic(destination), undefined)
  await create(source)
  const small = await program.run('play-stream', [...flags, ...ONCE, '--visit-size', '31'])
  t.match(small, { code: 1, stdout: '', stderr: /^STATIC_TOPIC_SMALL: / })
  t.equal(await admin.describeTopic(destination), undefined)
})

await t.test('a missing destination topic, an unreachable broker and an oversized record are one-line errors', async t => {
  const { source, flags } = replayTopics()
  await create(source)
  t.match(await program.run('play-stream', ['--src-topic', source, '--dst-topic', uniqueName('none'), ...ONCE]), {
    code: 1, stdout: '', stderr: /^KAFKA_TOPIC_MISSING: the destination topic does not exist \(none-.*--create-dst-topic.*\n$/
  })
  t.match(await program.run('play-stream', [...flags, '--broker', `127.0.0.1:${CLOSED_PORT}`, '--log-level', 'error']), {
    code: 1, stdout: '', stderr: new RegExp(`^KAFKA_UNREACHABLE: .*127\\.0\\.0\\.1:${CLOSED_PORT}.*\n$`)
  })
  const small = await program.run('play-stream', [...flags, ...ONCE, '--dst-topic-max-message-bytes', '1024', '--log-level', 'error'])
  t.match(small, { code: 1, stderr: /^KAFKA_MESSAGE_TOO_LARGE: .*max\.message\.bytes/m })
})
