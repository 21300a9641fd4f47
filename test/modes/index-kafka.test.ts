// The indexer run as a program, on a real broker and registry. An independent judge reads the segments with pyarrow and duckdb.
import { readdir } from 'node:fs/promises'
import t from 'tap'
import { indexArgs, judgeIndex, newIndex, surveyRecords } from '../alert-index/support.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { startCli, usePython, useStack } from '../support/stack.ts'
import { joinedBy, whileRunning } from './archive-support.ts'

const servers = await useStack(t)
const python = await usePython(t)
const connection = await connect(servers.kafka)
const admin = adminFor(t, connection)
const lag = async (group: string, topic: string) => (await admin.groupLag(group, [topic])).get(topic)

await t.test('indexes survey alerts with images; the rows equal the alerts, and a stop writes what is collected', async t => {
  const at = await newIndex(t, servers)
  await admin.createTopic(at.topic, { partitions: 2, replicas: 1, configs: { 'max.message.bytes': '16000000' } })
  await produce(connection, at.topic, await surveyRecords(at.registry, 200, { partitions: 2, images: true }))
  const index = startCli(t, indexArgs(at, '--admin-port', '0'))
  const [, port] = await index.waitFor(/"port":(\d+)/)
  const get = async (path: string): Promise<string> => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  const collected = async () => (JSON.parse(await get('/status')) as { nodes: Array<{ node: string, in: number }> })
  await whileRunning(index, async () => (await collected()).nodes.find(({ node }) => node === 'flush')?.in === 200)
  t.strictSame(await readdir(`${at.root}/index`).catch(() => []), [], 'before its time, no segment is written')
  t.match(await get('/readyz'), /index-store/)
  t.match(await get('/metrics'), /^alert_stream_index_oldest_row_seconds (?!0$)/m)
  const { code, stdout, stderr } = await index.stop('SIGTERM')
  t.equal(code, 0, stderr.slice(-2000))
  t.equal(stdout, 'indexed 200 alerts in 1 segments, 0 rejected\n')
  t.match(await judgeIndex(python, at), { records: 200, rows: 200, shown: 200, segments: 1, behind: 0, problems: [] })
})

await t.test('splits a flush by night, rejects bad records with their codes, and reads old schemas', async t => {
  const at = await newIndex(t, servers)
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  const nights = await Promise.all([['11.1', 0], ['11.1', 5000], ['7.4', 0], ['3.0', 1]].map(async ([version, visit]) =>
    await surveyRecords(at.registry, 10, { version: version as string, visit: visit as number })))
  const [first] = nights[0]!
  const unknown = Buffer.from(first!.value!)
  unknown.writeUInt32BE(0x7ffffff0, 1)
  const frame = first!.value!
  const bad = [null, Buffer.from('{"diaSourceId": 1}'), unknown, frame.subarray(0, -1), Buffer.concat([frame, Buffer.from([0])])]
    .map(value => ({ ...first!, value }))
  await produce(connection, at.topic, [...bad, ...nights.flat(), first!])
  const index = startCli(t, indexArgs(at, '--segment-rows', '46', '--unknown-schema-seconds', '0'))
  await whileRunning(index, async () => joinedBy(index) !== undefined && await lag(at.group, at.topic) === 0n)
  const { code, stdout, stderr } = await index.stop('SIGTERM')
  t.equal(code, 0, stderr.slice(-2000))
  const verdict = await judgeIndex(python, at)
  t.match(verdict, {
    records: 46, alerts: 41, rows: 41, shown: 40, behind: 0, problems: [],
    rejected: ['DATUM_INVALID', 'DATUM_INVALID', 'FRAME_BAD_MAGIC', 'FRAME_EMPTY', 'UNKNOWN_SCHEMA']
  })
  t.ok(verdict.nights.length >= 2, String(verdict.nights))
  t.equal(stdout, `indexed 41 alerts in ${verdict.segments} segments, 5 rejected\n`)
  t.match(stderr, /rejected a record: not a valid alert/)
})

await t.test('a flush of rejected records writes one segment without rows, and commits past them', async t => {
  const at = await newIndex(t, servers)
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  await produce(connection, at.topic, [1, 2].map(() => ({ key: null, value: Buffer.from('text'), headers: [], partition: 0 })))
  const index = startCli(t, indexArgs(at, '--segment-seconds', '0.2'))
  await whileRunning(index, async () => joinedBy(index) !== undefined && await lag(at.group, at.topic) === 0n)
  await index.stop('SIGTERM')
  const rejected = ['FRAME_BAD_MAGIC', 'FRAME_BAD_MAGIC']
  t.match(await judgeIndex(python, at), { rows: 0, nights: ['other'], behind: 0, problems: [], rejected })
})

await t.test('before a partition is handed over, its rows are written and committed, so that no row is indexed twice', async t => {
  const at = await newIndex(t, servers)
  await admin.createTopic(at.topic, { partitions: 4, replicas: 1 })
  await produce(connection, at.topic, await surveyRecords(at.registry, 100, { partitions: 4 }))
  const args = indexArgs(at, '--segment-seconds', '3600', '--admin-port', '0')
  const first = startCli(t, args)
  const [, port] = await first.waitFor(/"port":(\d+)/)
  const status = async () => await (await fetch(`http://127.0.0.1:${port}/status`)).json() as { nodes: Array<{ node: string, in: number }> }
  await whileRunning(first, async () => (await status()).nodes.find(({ node }) => node === 'flush')?.in === 100)
  const second = startCli(t, args)
  await whileRunning(second, async () => joinedBy(second)?.partitions === 2)
  t.equal(await lag(at.group, at.topic), 0n, 'at the hand-over, all offsets are committed')
  t.notMatch(first.stderr, /did not settle in time/)
  const ends = await Promise.all([first, second].map(async cli => await cli.stop('SIGTERM')))
  for (const { code, stderr } of ends) t.equal(code, 0, stderr.slice(-2000))
  t.match(await judgeIndex(python, at), { records: 100, rows: 100, shown: 100, behind: 0, problems: [] })
})
