// The fetcher with damaged batches, against an in-memory cluster, on a clock that the tests advance.
import * as zlib from 'node:zlib'
import * as snappy from 'snappy'
import t, { type Test } from 'tap'
import { describedConnection } from '../../src/kafka/connection.ts'
import { Fetcher, type FetcherOptions } from '../../src/kafka/fetcher.ts'
import type { PartitionBuffer } from '../../src/kafka/partition-buffer.ts'
import type { RecordBatch } from '../../src/kafka/record-batch.ts'
import { until } from '../support/pipeline.ts'
import { batchesOf, encodeBatch, encodeRecords, type BatchFields } from './encode-batch.ts'
import { FakeClock } from './fake-clock.ts'
import { codes, FakeCluster } from './fake-cluster.ts'
import { recordingLog } from './support.ts'

const connection = describedConnection({ brokers: ['broker-1:9092'], auth: 'none', tls: false, clientId: 'test' })
const MIB = 1024 * 1024
const records = (...values: string[]): BatchFields['records'] =>
  values.map((value, offsetDelta) => ({ offsetDelta, value: Buffer.from(value) }))
const parsed = (bytes: Buffer): RecordBatch => batchesOf(bytes).batches[0]!

/** A batch with one flipped bit in its last record. */
function damagedBatch (fields: BatchFields): RecordBatch {
  const bytes = encodeBatch(fields)
  bytes[bytes.length - 2]! ^= 1
  return parsed(bytes)
}

function setUp (t: Test, options: Partial<FetcherOptions> = {}) {
  const clock = new FakeClock()
  const cluster = new FakeCluster(clock)
  const { log, lines } = recordingLog()
  const fatal: Error[] = []
  const fetcher = new Fetcher({
    client: cluster.fetchClient(), connection, maxBytes: 8 * MIB, maxWaitMs: 500, clock, log,
    onProgress () {}, onTopicGone () {}, onOutOfRange () {}, onTruncated () {}, onFatal: error => { fatal.push(error) }, ...options
  })
  t.teardown(async () => { await fetcher.close() })
  cluster.createTopic('a', 2)
  const taken: string[] = []
  const takeAll = (): string[] => {
    for (let next = fetcher.take(); next !== undefined; next = fetcher.take()) {
      taken.push(`${next.record.partition}@${next.record.offset} ${next.record.value}`)
    }
    return taken
  }
  const add = (partition: number, end?: bigint): PartitionBuffer =>
    fetcher.add({ topic: 'a', topicId: cluster.topicId('a'), partition, position: 0n, end })
  /** Advances the clock until the partition is stopped. */
  const persist = async (): Promise<string[]> => {
    for (let step = 0; step < 40; step++) {
      await clock.advance(1000)
      takeAll()
    }
    return taken
  }
  return { clock, cluster, fetcher, fatal, lines, add, takeAll, persist }
}

await t.test('a batch with a wrong checksum stops only its partition, after several attempts and with one error line', async t => {
  const { clock, cluster, fetcher, lines, add, persist, takeAll } = setUp(t)
  cluster.append('a', 0, 'before')
  cluster.appendBatch('a', 0, damagedBatch({ firstOffset: 1n, records: records('damaged', 'damaged') }))
  cluster.append('a', 0, 'after')
  cluster.append('a', 1, 'other')
  const buffer = add(0)
  add(1)
  t.strictSame(await persist(), ['0@0 before', '1@0 other'])
  t.equal(buffer.position, 1n, 'nothing beyond the damaged batch can be committed')
  const reason = /^its CRC32C is 0x[0-9a-f]{8}, but its header states 0x/
  t.match(fetcher.damaged.stopped, [{ topic: 'a', partition: 0, offset: 1n, reason }])
  await clock.advance(100_000)
  cluster.append('a', 1, 'later')
  await clock.advance(1000)
  t.strictSame(takeAll(), ['0@0 before', '1@0 other', '1@1 later'])
  t.match(lines, [
    /^warn a record batch is damaged: fetching it again {"topic":"a","partition":0,"offset":"1","reason":"its CRC32C/,
    /^error a record batch stays damaged: its partition is stopped .*"offset":"1".*"skip":"--skip-batch a:0:1"/
  ])
  t.equal(lines.length, 2)
})

await t.test('a partition resumes by itself when another replica has the batch intact', async t => {
  const { clock, cluster, fetcher, lines, add, persist, takeAll } = setUp(t)
  const fields = { firstOffset: 0n, records: records('v0', 'v1') }
  cluster.appendBatch('a', 0, damagedBatch(fields))
  add(0)
  t.strictSame(await persist(), [])
  t.equal(fetcher.damaged.stopped.length, 1)
  cluster.replaceBatch('a', 0, parsed(encodeBatch(fields)))
  cluster.setLeader('a', 0, 2)
  await clock.advance(31_000)
  t.strictSame(takeAll(), ['0@0 v0', '0@1 v1'])
  t.strictSame(fetcher.damaged.stopped, [])
  t.match(lines.at(-1), /^info the damaged record batch can be read again {"topic":"a","partition":0,"offset":"0"}/)
})

await t.test('looks up the leader again after each attempt', async t => {
  const { clock, cluster, lines, add, takeAll } = setUp(t)
  const fields = { firstOffset: 0n, records: records('v0') }
  cluster.appendBatch('a', 0, damagedBatch(fields))
  add(0)
  await until(() => lines.length === 1)
  cluster.replaceBatch('a', 0, parsed(encodeBatch(fields)))
  cluster.setLeader('a', 0, 2)
  await clock.advance(100)
  t.strictSame(takeAll(), ['0@0 v0'])
  t.equal(cluster.requests.at(-1)?.node, 2)
})

await t.test('--skip-batch skips exactly the damaged batch that holds the offset', async t => {
  for (const offset of [1n, 2n]) {
    const skipBatches = [{ topic: 'a', partition: 0, offset }, { topic: 'a', partition: 1, offset: 0n }]
    const { cluster, fetcher, lines, add, persist } = setUp(t, { skipBatches })
    cluster.append('a', 0, 'before')
    cluster.appendBatch('a', 0, damagedBatch({ firstOffset: 1n, records: records('damaged', 'damaged') }))
    cluster.append('a', 0, 'after')
    cluster.append('a', 1, 'intact')
    add(0)
    add(1)
    t.strictSame((await persist()).toSorted(), ['0@0 before', '0@3 after', '1@0 intact'], 'an intact batch is not skipped')
    t.strictSame(fetcher.damaged.skipped, [{ topic: 'a', partition: 0, batches: 1 }])
    t.match(lines, [/^warn skipping a damaged record batch because of --skip-batch .*"offset":"1","next":"3"/])
  }
})

await t.test('--skip-batch continues at the next batch, even if the damaged header states another length', async t => {
  const { cluster, add, persist } = setUp(t, { skipBatches: [{ topic: 'a', partition: 0, offset: 0n }] })
  const bytes = encodeBatch({ firstOffset: 0n, records: records('damaged', 'damaged') })
  bytes[23]! ^= 0x40 // a high bit of the last offset delta
  cluster.appendBatch('a', 0, parsed(bytes))
  cluster.appendBatch('a', 0, parsed(encodeBatch({ firstOffset: 2n, records: records('after') })))
  add(0)
  t.strictSame(await persist(), ['0@2 after'])
})

await t.test('--skip-batch skips one offset if the end of the damaged batch is unknown', async t => {
  const { cluster, fetcher, add, persist } = setUp(t, { skipBatches: [{ topic: 'a', partition: 0, offset: 0n }] })
  const bytes = encodeBatch({ firstOffset: 0n, records: records('damaged', 'damaged') })
  bytes[23]! ^= 0x40
  cluster.appendBatch('a', 0, parsed(bytes))
  add(0)
  t.strictSame(await persist(), [])
  t.match(fetcher.damaged.stopped, [{ offset: 1n }])
})

await t.test('a batch that cannot be decompressed, or has damaged records, stops its partition at the first unreadable record', async t => {
  const whole = zlib.zstdCompressSync(encodeRecords(records('v0', 'v1', 'v2')))
  const torn = encodeRecords(records('v0', 'v1', 'v2'))
  torn[torn.length - 5] = 0x7f
  const cases: Array<[name: string, fields: Partial<BatchFields>, taken: string[], reason: RegExp]> = [
    ['truncated data', { attributes: 4, payload: whole.subarray(0, -10) }, [], /the Zstandard data is truncated/],
    ['unknown codec', { attributes: 5 }, [], /compression codec 5 is unknown/],
    ['damaged record', { payload: torn }, ['0@0 v0', '0@1 v1'], /exceeds its record/],
    ['missing record', { count: 4, lastOffsetDelta: 3 }, ['0@0 v0', '0@1 v1', '0@2 v2'], /the batch ends within a record/]
  ]
  for (const [name, fields, taken, reason] of cases) {
    const { cluster, fetcher, add, persist } = setUp(t)
    cluster.appendBatch('a', 0, parsed(encodeBatch({ firstOffset: 0n, records: records('v0', 'v1', 'v2'), ...fields })))
    cluster.append('a', 1, 'other')
    const buffer = add(0)
    add(1)
    t.strictSame((await persist()).filter(line => !line.includes('other')), taken, name)
    t.match(fetcher.damaged.stopped, [{ partition: 0, offset: BigInt(taken.length), reason }], name)
    t.equal(buffer.position, BigInt(taken.length))
  }
})

await t.test('offsets that overlap the batch before, or lie far beyond the high watermark, are damage', async t => {
  const { cluster, fetcher, add, persist } = setUp(t)
  const far = encodeBatch({ firstOffset: 0n, records: records('flipped') })
  far[1]! ^= 1 // the first offset, which the checksum does not cover
  cluster.append('a', 0, 'v0', 'v1')
  cluster.appendBatch('a', 0, parsed(encodeBatch({ firstOffset: 1n, records: records('again', 'v2') })))
  cluster.appendBatch('a', 1, parsed(far), 1n)
  add(0)
  add(1)
  t.strictSame(await persist(), ['0@0 v0', '0@1 v1'])
  t.match(fetcher.damaged.stopped, [
    { partition: 0, offset: 2n, reason: 'its offsets, 1 to 2, are wrong' },
    { partition: 1, offset: 0n, reason: 'its offsets, 281474976710656 to 281474976710656, are wrong' }
  ])
})

await t.test('a broker that cannot read a batch (CORRUPT_MESSAGE) stops the partition', async t => {
  const { cluster, fetcher, add, persist } = setUp(t)
  cluster.append('a', 0, 'v0')
  cluster.append('a', 1, 'other')
  cluster.failPartition('a', 0, codes.CORRUPT_MESSAGE)
  add(0)
  add(1)
  t.strictSame(await persist(), ['1@0 other'])
  t.match(fetcher.damaged.stopped, [{ partition: 0, offset: 0n, reason: 'the broker cannot read it (CORRUPT_MESSAGE)' }])
})

await t.test('a finite read fails at a batch that stays damaged, and says what to do', async t => {
  const { cluster, fatal, add, persist } = setUp(t, { damageIsFatal: true })
  cluster.appendBatch('a', 0, damagedBatch({ firstOffset: 0n, records: records('damaged') }))
  add(0, 1n)
  await persist()
  t.match(fatal, [{ code: 'KAFKA_BATCH_DAMAGED', where: 'a[0]@0', hint: /--skip-batch a:0:0\.$/ }])
  t.match(fatal[0]?.message, /^a record batch is damaged: its CRC32C/)
  t.equal(fatal.length, 1)
})

for (const damageIsFatal of [false, true]) {
  const outcome = damageIsFatal ? 'fails a finite read' : 'stops its partition'
  await t.test(`a Snappy block above --max-batch-mib ${outcome} at once, and is not reported as damaged`, async t => {
    const limits = { maxBatchBytes: 1000, maxRecordBytes: MIB }
    const { clock, cluster, fetcher, fatal, lines, add, takeAll } = setUp(t, { damageIsFatal, limits })
    const large = records('x'.repeat(2000))
    const payload = snappy.compressSync(encodeRecords(large))
    cluster.appendBatch('a', 0, parsed(encodeBatch({ firstOffset: 0n, records: large, attributes: 2, payload })))
    add(0, damageIsFatal ? 1n : undefined)
    await clock.advance(1000)
    t.strictSame(takeAll(), [])
    const reason = /^it has 2\d{3} bytes in one Snappy block/
    t.match(fetcher.damaged.stopped, [{ offset: 0n, oversized: true, reason }])
    if (damageIsFatal) {
      t.match(fatal, [{ code: 'KAFKA_BATCH_TOO_LARGE', where: 'a[0]@0', hint: /^Raise --max-batch-mib/, message: /is too large: it has/ }])
    } else {
      await clock.advance(100_000)
      t.match(lines, [/^error a record batch exceeds --max-batch-mib: its partition is stopped .*"offset":"0"/])
      t.notMatch(lines[0], /skip/)
    }
    t.equal(lines.length, damageIsFatal ? 0 : 1)
  })
}

await t.test('forgets the damage of a partition that is removed', async t => {
  const { cluster, fetcher, add, persist } = setUp(t)
  cluster.appendBatch('a', 0, damagedBatch({ firstOffset: 0n, records: records('damaged') }))
  const buffer = add(0)
  await persist()
  fetcher.remove(buffer)
  t.strictSame(fetcher.damaged.stopped, [])
})

await t.test('streams large batches of one partition at a time, and delivers them all in order', async t => {
  const { cluster, add, takeAll } = setUp(t, { limits: { maxBatchBytes: 1000, maxRecordBytes: MIB } })
  const values = Array.from({ length: 50 }, (_, index) => `${index}`.padEnd(1000))
  for (const partition of [0, 1]) {
    for (const [attributes, compress] of [[1, zlib.gzipSync], [4, zlib.zstdCompressSync]] as const) {
      const firstOffset = attributes === 1 ? 0n : 50n
      const payload = compress(encodeRecords(records(...values)))
      cluster.appendBatch('a', partition, parsed(encodeBatch({ firstOffset, records: records(...values), attributes, payload })))
    }
  }
  const buffers = [add(0), add(1)]
  await until(() => takeAll().length === 200)
  for (const partition of [0, 1]) {
    const offsets = takeAll().filter(line => line.startsWith(`${partition}@`)).map(line => line.split(/[@ ]/)[1])
    t.strictSame(offsets, Array.from({ length: 100 }, (_, offset) => String(offset)))
  }
  t.strictSame(buffers.map(({ bytes, waiting, position }) => [bytes, waiting, position]), [[0, 0, 100n], [0, 0, 100n]])
})
