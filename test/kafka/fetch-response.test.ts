import t from 'tap'
import { Reader, Writer } from '@platformatic/kafka'
import { parseFetchResponse, type FetchResponse } from '../../src/kafka/fetch-response.ts'
import { AlertStreamError } from '../../src/pipeline/errors.ts'
import { seeded } from '../support/pipeline.ts'
import { encodeBatch } from './encode-batch.ts'

const TOPIC_ID = '12345678-9abc-def0-1234-56789abcdef0'
const value = (text: string) => ({ offsetDelta: 0, value: Buffer.from(text) })
const intact = encodeBatch({ firstOffset: 7n, records: [value('intact')], leaderEpoch: 3 })

interface PartitionBytes {
  readonly errorCode?: number
  readonly records?: Buffer | null
  readonly tags?: ReadonlyArray<readonly [tag: number, bytes: Buffer]>
}

function tagged (writer: Writer, fields: ReadonlyArray<readonly [tag: number, bytes: Buffer]>): void {
  writer.appendUnsignedVarInt(fields.length)
  for (const [tag, bytes] of fields) writer.appendUnsignedVarInt(tag).appendUnsignedVarInt(bytes.length).append(bytes)
}

/** Writes a response as a broker does. The compact records are the bytes with their length + 1. */
function responseBytes (
  partitions: readonly PartitionBytes[], fields: { readonly errorCode?: number, readonly tags?: PartitionBytes['tags'] } = {}
): Buffer {
  const writer = Writer.create().appendInt32(5).appendInt16(fields.errorCode ?? 0).appendInt32(77)
  writer.appendArray([partitions], (topic, list) => {
    topic.appendUUID(TOPIC_ID).appendArray([...list.entries()], (w, [index, { errorCode = 0, records = null, tags = [] }]) => {
      w.appendInt32(index).appendInt16(errorCode).appendInt64(100n).appendInt64(90n).appendInt64(2n)
      w.appendArray([[4n, 8n]] as const, (a, [producerId, firstOffset]) => { a.appendInt64(producerId).appendInt64(firstOffset) })
      w.appendInt32(-1)
      if (records === null) w.appendUnsignedVarInt(0)
      else w.appendUnsignedVarInt(records.length + 1).append(records)
      tagged(w, tags)
    }, true, false)
  })
  tagged(writer, fields.tags ?? [])
  return writer.buffer
}

/** Parses bytes that arrived in chunks of `chunkBytes`. */
function parse (bytes: Buffer, chunkBytes = bytes.length): FetchResponse {
  const reader = Reader.from(bytes.subarray(0, chunkBytes))
  for (let at = chunkBytes; at < bytes.length; at += chunkBytes) reader.buffer.append(bytes.subarray(at, at + chunkBytes))
  return parseFetchResponse(0, 1, 17, reader)
}

const epochEnd = Buffer.from(Writer.create().appendInt32(6).appendInt64(55n).appendTaggedFields().buffer)
const leader = Buffer.from(Writer.create().appendInt32(2).appendInt32(9).appendTaggedFields().buffer)
const endpoints = Writer.create().appendArray([2, 3], (w, id) => {
  w.appendInt32(id).appendString(`broker-${id}`).appendInt32(9090 + id).appendString(id === 2 ? 'rack' : null)
}).buffer

await t.test('returns the batches of intact partitions although another partition has an error', async t => {
  const partitions: PartitionBytes[] = [{ records: intact }, { errorCode: 6, tags: [[1, leader]] }, { tags: [[0, epochEnd]] }]
  const bytes = responseBytes(partitions, { tags: [[0, endpoints]] })
  for (const chunkBytes of [1, 7, 64, bytes.length]) {
    const response = parse(bytes, chunkBytes)
    t.match(response, { throttleTimeMs: 5, errorCode: 0, sessionId: 77, responses: [{ topicId: TOPIC_ID }] })
    const [read, failed, diverged] = response.responses[0]!.partitions
    t.match(read, {
      partitionIndex: 0, errorCode: 0, highWatermark: 100n, lastStableOffset: 90n, logStartOffset: 2n, preferredReadReplica: -1,
      abortedTransactions: [{ producerId: 4n, firstOffset: 8n }],
      batches: [{ firstOffset: 7n, lastOffsetDelta: 0, partitionLeaderEpoch: 3, count: 1, bytes: intact.length }]
    })
    t.strictSame([read!.divergingEpoch, read!.currentLeader, read!.damage], [undefined, undefined, undefined])
    t.match(failed, { partitionIndex: 1, errorCode: 6, batches: [], currentLeader: { leaderId: 2, leaderEpoch: 9 } })
    t.match(diverged, { partitionIndex: 2, errorCode: 0, batches: [], divergingEpoch: { epoch: 6, endOffset: 55n } })
    t.strictSame(response.nodeEndpoints, [{ nodeId: 2, host: 'broker-2', port: 9092 }, { nodeId: 3, host: 'broker-3', port: 9093 }])
  }
})

await t.test('skips unknown tagged fields', async t => {
  const unknown = [[9, Buffer.from('later')]] as const
  const response = parse(responseBytes([{ records: intact, tags: unknown }], { tags: unknown }))
  t.equal(response.responses[0]!.partitions[0]!.batches.length, 1)
})

await t.test('an error of the whole response gives up the fetch session', async t => {
  t.match(parse(responseBytes([], { errorCode: 70 })), { errorCode: 70, sessionId: 0 })
})

await t.test('a truncated response fails with KAFKA_RESPONSE_INVALID', async t => {
  const bytes = responseBytes([{ records: intact }, { tags: [[0, epochEnd], [1, leader]] }], { tags: [[0, endpoints]] })
  for (let length = 0; length < bytes.length; length++) {
    const cut = bytes.subarray(0, length)
    t.throws(() => parse(cut, Math.max(length, 1)), { code: 'KAFKA_RESPONSE_INVALID', retryable: true }, `${length} bytes`)
  }
})

await t.test('random damage leads to no other error, and ends', async t => {
  const bytes = responseBytes([{ records: intact }, { errorCode: 6, tags: [[1, leader]] }], { tags: [[0, endpoints]] })
  const next = seeded(11)
  const random = (below: number): number => Math.floor(next() * below)
  let failed = 0
  for (let run = 0; run < 20_000; run++) {
    const damaged = Buffer.from(bytes)
    for (let flips = random(3); flips >= 0; flips--) damaged[random(damaged.length)]! ^= 1 << random(8)
    try {
      parse(damaged, random(damaged.length) + 1)
    } catch (error) {
      failed++
      if (!(error instanceof AlertStreamError) || error.code !== 'KAFKA_RESPONSE_INVALID') throw error
    }
  }
  t.ok(failed > 1000, `${failed} of 20000 damaged responses were rejected`)
})
