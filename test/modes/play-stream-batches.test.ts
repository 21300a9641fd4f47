// Replays that copy whole record batches. An independent program compares the copies with the static topic.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Admin } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import { createRegistryClient } from '../../src/avro/index.ts'
import { startKafka } from '../../src/devstack/index.ts'
import type { PassReport } from '../../src/simulator/replay-pass.ts'
import { surveySchema } from '../generator/support.ts'
import { adminFor, connect, eventually } from '../kafka/support.ts'
import { kafkaProxy } from '../support/kafka-proxy.ts'
import { cache, uniqueName, useOwnKafka, usePython, useStack } from '../support/stack.ts'
import { alertFile, connectionTo, load, passesOf, Program } from './support.ts'

const stack = await useStack(t)
const python = await usePython(t)
const program = new Program(stack)
const connection = await connectionTo(stack)
const admin = adminFor(t, connection)
const run = promisify(execFile)

async function tool (...args: string[]): Promise<unknown> {
  const { stdout } = await run(python, [join(import.meta.dirname, 'whole_batches.py'), ...args], { maxBuffer: 1 << 24 })
  return JSON.parse(stdout)
}

/** Creates a topic and appends batches of each kind (see whole_batches.py). */
async function loadedTopic (partitions: number, ...kinds: string[]): Promise<{ topic: string, counts: number[] }> {
  const topic = uniqueName('static')
  await admin.createTopic(topic, { partitions, replicas: 1 })
  return { topic, counts: await tool('load', stack.kafka, topic, ...kinds) as number[] }
}

interface Played extends PassReport { readonly destination: string, readonly visits: unknown, readonly metrics: string }

/** Plays one pass as fast as possible into a new topic. */
async function playOnce (t: Test, source: string, partitions: number, ...flags: string[]): Promise<Played> {
  const destination = uniqueName('simulated')
  const args = ['--src-topic', source, '--dst-topic', destination, '--create-dst-topic', '--dst-topic-partitions', String(partitions)]
  const cli = program.start(t, 'play-stream', [
    ...args, '--profile', 'fast', '--repeat-interval', '600', '--accept-unmarked', '--admin-port', '0', '--log-level', 'info', ...flags
  ])
  const [, port] = await cli.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  await cli.waitFor(/^pass 1: .*\n/m)
  const get = async (path: string) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  const { stats: { lastPass, lastVisits } } = JSON.parse(await get('/status')) as { stats: { lastPass: PassReport, lastVisits: unknown } }
  const metrics = await get('/metrics')
  await cli.stop()
  return { ...lastPass, visits: lastVisits, metrics, destination }
}

/** The verdict on a destination to which each record was copied `copies` times. */
const copied = (records: number, copies = 1) =>
  ({ source: records, destination: records * copies, problems: [], copies: [copies], types: [1] })

await t.test('copies a topic of create-stream in whole batches, with the statistics of a copy that decodes each alert', async t => {
  const subject = uniqueName('alert-packet')
  await createRegistryClient({ url: stack.registry }).register(subject, (await surveySchema('11.1')).text)
  const source = uniqueName('static')
  await load(program, subject, source, await alertFile(t, { alerts: 90, visits: 2 }), '--dst-topic-partitions', '4')
  const whole = await playOnce(t, source, 4)
  const single = await playOnce(t, source, 5)
  t.match([whole, single], [{ alerts: 180, inWholeBatches: 180 }, { alerts: 180, inWholeBatches: 0 }])
  t.equal(whole.bytes, single.bytes)
  t.ok(whole.visits)
  t.strictSame(whole.visits, single.visits)
  for (const { metrics } of [whole, single]) {
    t.match(metrics, /^alert_stream_pass_alerts 180$/m)
    for (const node of ['static-topic', 'pace', 'simulated-topic']) {
      t.match(metrics, new RegExp(`^alert_stream_records_in_total\\{node="${node}"\\} 180$`, 'm'))
      t.match(metrics, new RegExp(`^alert_stream_records_out_total\\{node="${node}"\\} 180$`, 'm'))
      t.match(metrics, new RegExp(`^alert_stream_records_in_flight\\{node="${node}"\\} 0$`, 'm'))
    }
  }
  t.match(whole.metrics, /^alert_stream_pass_alerts_in_whole_batches 180$/m)
  for (const { destination } of [whole, single]) t.match(await tool('compare', stack.kafka, source, destination), copied(180))
})

await t.test('decodes compressed and transactional batches, and those with foreign keys or distant times, in order', async t => {
  const kinds = ['plain', 'gzip', 'old', 'committed', 'aborted', 'elsewhere', 'plain', 'apart', 'zstd', 'plain']
  const { topic, counts } = await loadedTopic(3, ...kinds)
  const total = counts.reduce((sum, count) => sum + count)
  const wanted = counts.reduce((sum, count, index) => sum + (['plain', 'old'].includes(kinds[index]!) ? count : 0), 0)
  const played = await playOnce(t, topic, 3)
  t.match(played, { alerts: total, inWholeBatches: wanted })
  const verdict = await tool('compare', stack.kafka, topic, played.destination) as { oldestSeconds: number }
  t.match(verdict, copied(total))
  t.ok(verdict.oldestSeconds < 600, `all records have the time of the copy, at most ${verdict.oldestSeconds} s ago`)
})

await t.test('decodes batches that are larger than the destination allows, and a batch whose first records were deleted', async t => {
  const { topic, counts } = await loadedTopic(1, 'plain', 'plain')
  const small = await playOnce(t, topic, 1, '--dst-topic-max-message-bytes', '2000')
  t.match(small, { alerts: 120, inWholeBatches: 0 })
  t.match(await tool('compare', stack.kafka, topic, small.destination), copied(120))
  const library = new Admin({ bootstrapBrokers: [stack.kafka], clientId: 'test' })
  await library.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 5n }] }] })
  await library.close()
  const rest = await playOnce(t, topic, 1)
  t.equal(rest.alerts, 115)
  t.ok(rest.inWholeBatches < 115 && rest.inWholeBatches >= counts[1]!, `${rest.inWholeBatches} in whole batches`)
  t.match(await tool('compare', stack.kafka, topic, rest.destination), copied(115))
})

await t.test('after the broker was killed in the middle of a pass, every record is in the destination once per pass', async t => {
  const first = await useOwnKafka(t)
  const direct = await connect(first.broker)
  const ownAdmin = adminFor(t, direct)
  for (const topic of ['static', 'simulated']) await ownAdmin.createTopic(topic, { partitions: 3, replicas: 1 })
  const counts = await tool('load', first.broker, 'static', ...Array<string>(20).fill('plain')) as number[]
  const total = counts.reduce((sum, count) => sum + count)
  const proxy = await kafkaProxy(t, first.broker)
  let produced = 0
  // The broker writes the batches of later requests, but their responses are lost.
  proxy.fail('Produce', 'lose response', Infinity, () => ++produced > 30)
  const own = new Program({ ...stack, kafka: proxy.broker })
  const cli = own.start(t, 'play-stream', [
    '--src-topic', 'static', '--dst-topic', 'simulated', '--profile', 'fast', '--repeat-interval', '1', '--accept-unmarked'
  ])
  await eventually(() => produced >= 34)
  t.strictSame(passesOf(cli.stdout), [], 'the first pass has not ended')
  await first.kill()
  proxy.heal()
  const second = await startKafka({ ...cache(), dataDir: first.dataDir, port: Number(first.broker.split(':')[1]) })
  t.teardown(async () => { await second.kill() })
  await cli.waitFor(/^pass 2: .*\n/m)
  t.equal((await cli.stop()).code, 0)
  const passes = passesOf(cli.stdout).filter(({ interrupted }) => interrupted === undefined)
  t.ok(passes.length >= 2 && passes.every(({ alerts }) => alerts === total))
  const published = passesOf(cli.stdout).reduce((sum, { alerts }) => sum + alerts, 0)
  const verdict = await tool('compare', second.broker, 'static', 'simulated') as { copies: number[] }
  t.match(verdict, { source: total, destination: published, problems: [] })
  t.ok(verdict.copies.every(copies => copies >= passes.length && copies <= passes.length + 1))
})
