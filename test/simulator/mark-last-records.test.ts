import { Subject } from 'rxjs'
import t from 'tap'
import { textHeader, type OutgoingRecord } from '../../src/kafka/record.ts'
import { createGraph, noRetry, type Envelope, type Source } from '../../src/pipeline/index.ts'
import { drive, RecordingSink } from '../../src/pipeline/test-driver.ts'
import { parseCompletionMarker } from '../../src/simulator/completion-marker.ts'
import { markLastRecords } from '../../src/simulator/mark-last-records.ts'

function record (partition: number, name: string): OutgoingRecord {
  return { key: Buffer.from(name), value: Buffer.from(name), headers: [textHeader('own', name)], partition }
}

/** Runs the records through `markLastRecords` in a graph and returns the records that reach the sink. */
async function mark (partitions: number, records: readonly OutgoingRecord[], isComplete = true): Promise<readonly OutgoingRecord[]> {
  const graph = createGraph('test', { retry: noRetry })
  const none: Source<OutgoingRecord> = { kind: 'none', async * records () {} }
  graph.source('in', none, { records: 1000 + partitions })
    .through('mark', markLastRecords(partitions, 'load-1', () => isComplete)).to('out', new RecordingSink<OutgoingRecord>())
  const driver = drive(graph.build())
  const settled = records.map(each => driver.source<OutgoingRecord>('in').push(each))
  await driver.finish()
  for (const { failure } of await Promise.all(settled)) if (failure !== undefined) throw failure
  return driver.sink<OutgoingRecord>('out').values
}

await t.test('marks the last record of each non-empty partition and changes nothing else', async t => {
  const records = [record(0, 'a'), record(2, 'b'), record(0, 'c'), record(0, 'd'), record(2, 'e')]
  const out = await mark(4, records)
  t.equal(out.length, 5)
  const keysOf = (partition: number) => out.filter(each => each.partition === partition).map(({ key }) => key?.toString())
  t.strictSame([keysOf(0), keysOf(2)], [['a', 'c', 'd'], ['b', 'e']], 'keeps the order within a partition')
  for (const each of out) {
    const marked = ['d', 'e'].includes(each.key!.toString())
    t.strictSame(parseCompletionMarker(each), marked ? { load: 'load-1', alerts: 5, partitions: [3, 0, 2, 0] } : undefined)
    t.strictSame(each.headers[0], textHeader('own', each.key!.toString()))
    t.equal(each.headers.length, marked ? 2 : 1)
  }
})

await t.test('emits all records without a marker if the load was stopped', async t => {
  const out = await mark(2, [record(0, 'a'), record(1, 'b'), record(0, 'c')], false)
  t.strictSame(out.map(({ key }) => key?.toString()).sort(), ['a', 'b', 'c'])
  t.ok(out.every(each => parseCompletionMarker(each) === undefined))
})

await t.test('emits nothing if there are no records, and marks every record if each partition has one record', async t => {
  t.strictSame(await mark(3, []), [])
  const out = await mark(3, [record(0, 'a'), record(1, 'b'), record(2, 'c')])
  t.ok(out.every(each => parseCompletionMarker(each)?.alerts === 3))
})

await t.test('passes an error of the input on to the subscriber', async t => {
  const input = new Subject<Envelope<OutgoingRecord>>()
  const failed = new Promise<Error>(resolve => { markLastRecords(1, 'x', () => true)(input).subscribe({ error: resolve }) })
  input.error(new Error('broken'))
  t.equal((await failed).message, 'broken')
})
