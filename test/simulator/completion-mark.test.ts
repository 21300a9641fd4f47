import { Subject } from 'rxjs'
import t from 'tap'
import type { TopicSnapshot } from '../../src/kafka/admin.ts'
import { completionHeader, completionMarker, completionOf, incompleteness, markerRoom, markLast, type Completion } from '../../src/simulator/completion-mark.ts'
import { textHeader, type KafkaRecord, type OutgoingRecord } from '../../src/kafka/record.ts'
import { createGraph, noRetry, type Envelope, type Source } from '../../src/pipeline/index.ts'
import { drive, RecordingSink } from '../../src/pipeline/test-driver.ts'

function record (partition: number, name: string): OutgoingRecord {
  return { key: Buffer.from(name), value: Buffer.from(name), headers: [textHeader('own', name)], partition }
}

/** Runs records through the operator in the real runner; gives what came to the sink. */
async function mark (partitions: number, records: readonly OutgoingRecord[], whole = true): Promise<readonly OutgoingRecord[]> {
  const graph = createGraph('test', { retry: noRetry })
  const none: Source<OutgoingRecord> = { kind: 'none', async * records () {} }
  graph.source('in', none, { records: 1000 + partitions }).through('mark', markLast(partitions, 'load-1', () => whole)).to('out', new RecordingSink<OutgoingRecord>())
  const driver = drive(graph.build())
  const settled = records.map(each => driver.source<OutgoingRecord>('in').push(each))
  await driver.finish()
  for (const { failure } of await Promise.all(settled)) if (failure !== undefined) throw failure
  return driver.sink<OutgoingRecord>('out').values
}

function snapshot (counts: readonly number[], start = 0n): TopicSnapshot {
  return { topic: 'x', id: 'id', partitions: counts.length, start: counts.map(() => start), end: counts.map(count => start + BigInt(count)) }
}

function last (load: string, partitions: readonly number[]): KafkaRecord {
  const completion: Completion = { load, alerts: partitions.reduce((sum, count) => sum + count, 0), partitions }
  return { topic: 'x', partition: 0, offset: 0n, timestamp: 0n, key: null, value: null, headers: [completionMarker(completion)] }
}
const unmarked: KafkaRecord = { ...last('l', []), headers: [textHeader('other', 'x')] }

await t.test('the last record of each partition that has one carries the mark, which counts all of them; nothing else is changed', async t => {
  const records = [record(0, 'a'), record(2, 'b'), record(0, 'c'), record(0, 'd'), record(2, 'e')]
  const out = await mark(4, records)
  t.equal(out.length, 5)
  for (const partition of [0, 2]) {
    t.strictSame(out.filter(each => each.partition === partition).map(({ key }) => key?.toString()), partition === 0 ? ['a', 'c', 'd'] : ['b', 'e'], 'order within a partition')
  }
  for (const each of out) {
    const marked = ['d', 'e'].includes(each.key!.toString())
    t.strictSame(completionOf(each), marked ? { load: 'load-1', alerts: 5, partitions: [3, 0, 2, 0] } : undefined)
    t.strictSame(each.headers[0], textHeader('own', each.key!.toString()))
    t.equal(each.headers.length, marked ? 2 : 1)
  }
})

await t.test('a load that was stopped leaves no mark, but every record', async t => {
  const out = await mark(2, [record(0, 'a'), record(1, 'b'), record(0, 'c')], false)
  t.strictSame(out.map(({ key }) => key?.toString()).sort(), ['a', 'b', 'c'])
  t.ok(out.every(each => completionOf(each) === undefined))
})

await t.test('no records, no mark; one record per partition, each marked', async t => {
  t.strictSame(await mark(3, []), [])
  const out = await mark(3, [record(0, 'a'), record(1, 'b'), record(2, 'c')])
  t.ok(out.every(each => completionOf(each)?.alerts === 3))
})

await t.test('an error of the input goes on', async t => {
  const input = new Subject<Envelope<OutgoingRecord>>()
  const failed = new Promise<Error>(resolve => { markLast(1, 'x', () => true)(input).subscribe({ error: resolve }) })
  input.error(new Error('broken'))
  t.equal((await failed).message, 'broken')
})

await t.test('the mark is never larger than the room that is left for it', async t => {
  for (const partitions of [1, 8, 1000]) {
    const [name, value] = completionMarker({
      load: '01234567-89ab-cdef-0123-456789abcdef', alerts: 9_999_999_999, partitions: Array.from({ length: partitions }, () => 9_999_999_999)
    })
    const bytes = name.length + value!.length
    t.ok(bytes <= markerRoom(partitions), `${bytes} of ${markerRoom(partitions)}`)
    t.ok(bytes > markerRoom(partitions) - 24, 'and not much smaller')
  }
})

await t.test('a topic is complete when every partition holds what the mark at its end says', async t => {
  const counts = [3, 0, 2]
  const mine = last('l', counts)
  t.equal(incompleteness(snapshot(counts), [mine, undefined, mine]), undefined)
  t.equal(incompleteness(snapshot(counts, 7n), [mine, undefined, mine]), undefined, 'offsets need not begin at 0')
})

await t.test('otherwise it is not, and why is said', async t => {
  const counts = [3, 0, 2]
  const mine = last('l', counts)
  t.equal(incompleteness(snapshot([0, 0, 0]), [undefined, undefined, undefined]), 'it is empty')
  t.equal(incompleteness(snapshot(counts), [unmarked, undefined, unmarked]), 'it holds 5 records and no mark of a finished load')
  t.equal(incompleteness(snapshot(counts), [mine, undefined, unmarked]), 'partition 2 does not end with the mark of the load')
  t.equal(incompleteness(snapshot(counts), [mine, undefined, last('another', counts)]), 'partition 2 does not end with the mark of the load')
  t.equal(incompleteness(snapshot([4, 0, 2]), [mine, undefined, mine]), 'partition 0 holds 4 records, the load put 3 there', 'a second load into it')
  t.equal(incompleteness(snapshot([3, 1, 2]), [mine, mine, mine]), 'partition 1 holds 1 records, the load put 0 there')
  t.equal(incompleteness(snapshot([3, 0]), [mine, undefined]), 'the load put 5 records, 3 are left', 'a partition is missing')
  t.equal(incompleteness(snapshot(counts), [mine, undefined, undefined]), 'partition 2 does not end with the mark of the load', 'what stands at its end is no record')
})

await t.test('what is no mark is none', async t => {
  for (const text of ['', 'yes', '1', 'null', '[]', '{}', '{"load":"l","alerts":"1","partitions":[1]}', '{"load":"l","alerts":1}']) {
    t.equal(completionOf({ headers: [textHeader(completionHeader, text)] }), undefined, text)
  }
  t.equal(completionOf({ headers: [] }), undefined)
  t.equal(completionOf({ headers: [[Buffer.from(completionHeader), null]] }), undefined)
})
