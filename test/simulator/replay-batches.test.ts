// Passes that emit whole batches.
import t, { type Test } from 'tap'
import { textHeader, type OutgoingRecord } from '../../src/kafka/record.ts'
import { fastProfile, offsetsProfile } from '../../src/simulator/profiles.ts'
import type { PassReport, ReplayItem } from '../../src/simulator/replay-pass.ts'
import { replaySource, type ReplayOptions } from '../../src/simulator/replay-source.ts'
import { adminFor, connect, contextOf, outgoing, produce, pull } from '../kafka/support.ts'
import { kafkaProxy } from '../support/kafka-proxy.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const WRITES = 5
const alert = (name: string, index: number): OutgoingRecord => outgoing(`${name}-${index}`, {
  key: Buffer.from(`${name}-${index}`), headers: [textHeader('alertsim-time-offset', String(index))]
})

/** A topic with three partitions, and a destination. Each of the writes adds a batch to every partition. */
async function topics (name: string, partitions = 3): Promise<{ topic: string, wholeBatchesTo: string }> {
  const [topic, wholeBatchesTo] = [uniqueName('static'), uniqueName('simulated')]
  await admin.createTopic(topic, { partitions: 3, replicas: 1 })
  await admin.createTopic(wholeBatchesTo, { partitions, replicas: 1 })
  for (let write = 0; write < WRITES; write++) {
    await produce(connection, topic, Array.from({ length: 24 }, (_, index) => alert(name, write * 24 + index)))
  }
  return { topic, wholeBatchesTo }
}

const all = (name: string): string[] => Array.from({ length: WRITES * 24 }, (_, index) => `${name}-${index}`)

const valuesOf = (item: ReplayItem): string[] =>
  ('batch' in item ? item.batch.records() : [item.record]).map(({ value }) => String(value))

function play (t: Test, options: Partial<ReplayOptions> & { topic: string }, onItem?: (item: ReplayItem) => unknown) {
  const reports: PassReport[] = []
  const source = replaySource({
    connection, intervalMs: -1, acceptUnmarked: true, profile: fastProfile, onPass: report => { reports.push(report) }, ...options
  })
  const context = contextOf()
  const pulling = pull(source, context, async record => {
    await onItem?.(record.value)
    source.settled?.(record)
  })
  t.teardown(async () => { await pulling.stop().catch(() => {}) })
  const items = (pass: number): ReplayItem[] => pulling.records.map(({ value }) => value).filter(value => value.pass === pass)
  return { reports, pulling, context, items, values: (pass: number) => items(pass).flatMap(valuesOf) }
}

await t.test('emits whole batches, in the order of each partition, and reports their alerts and bytes', async t => {
  const named = await topics('a')
  const { reports, pulling, items, values } = play(t, named)
  await pulling.ended
  t.equal(items(1).length, 3 * WRITES)
  for (const { value, records, bytes } of pulling.records) {
    t.ok('batch' in value && records === value.batch.count && bytes > value.batch.bytes)
  }
  t.strictSame(values(1).sort(), all('a').sort())
  for (const own of Map.groupBy(items(1), item => 'batch' in item ? item.batch.partition : -1).values()) {
    const indexes = own.flatMap(valuesOf).map(value => Number(value.slice(2)))
    t.strictSame(indexes, indexes.toSorted((a, b) => a - b))
  }
  const single = play(t, { topic: named.topic })
  await single.pulling.ended
  t.match([reports, single.reports], [[{ alerts: 120, inWholeBatches: 120 }], [{ alerts: 120, inWholeBatches: 0 }]])
  t.equal(reports[0]!.bytes, single.reports[0]!.bytes)
})

await t.test('emits records if partitions differ, the destination is missing, the profile is ordered, or alerts are selected', async t => {
  const named = await topics('b')
  const different = await topics('b', 4)
  const cases = {
    'other partitions': different,
    'missing destination': { ...named, wholeBatchesTo: uniqueName('none') },
    'ordered profile': { ...named, profile: { ...offsetsProfile, schedule: fastProfile.schedule } },
    'fewer alerts': { ...named, visitSize: 100 },
    'more alerts': { ...named, visitSize: 200, repeats: true }
  }
  for (const [what, options] of Object.entries(cases)) {
    const { pulling, reports, items } = play(t, options)
    await pulling.ended
    t.ok(items(1).every(item => 'record' in item), what)
    const alerts = 'visitSize' in options ? options.visitSize : 120
    t.match(reports, [{ alerts, inWholeBatches: 0, interrupted: undefined }], what)
  }
})

await t.test('an interrupted pass continues with the next batch: none is missing, none is emitted twice', async t => {
  const named = await topics('c')
  const proxy = await kafkaProxy(t, kafka)
  proxy.fail('Fetch', 'lose response', 2)
  let emitted = 0
  const { pulling, reports, values } = play(t, { ...named, connection: await connect(proxy.broker) }, () => {
    if (++emitted === 4) proxy.fail('Fetch', 'lose response', 2)
  })
  await pulling.ended
  t.match(reports, [{ alerts: 120, inWholeBatches: 120, interrupted: undefined }])
  t.strictSame(values(1).sort(), all('c').sort())
})

await t.test('a stopped pass reports the alerts of the batches that were published', async t => {
  const named = await topics('d')
  const { pulling, reports, context } = play(t, { ...named, intervalMs: 1000 }, () => { if (pulling.records.length === 4) context.stop() })
  await pulling.ended
  const published = pulling.records.reduce((sum, { records = 1 }) => sum + records, 0)
  t.equal(pulling.records.length, 4)
  t.match(reports, [{ pass: 1, alerts: published, inWholeBatches: published, interrupted: 'stopped' }])
})
