// The provenance in the gzip header: what is written is read back, hostile records fit, and damage is found.
import { randomBytes, randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { KafkaHeader } from '../../src/kafka/record.ts'
import { frameIdentity, objectBytes, readProvenance, withProvenance, type ArchivedRecord } from '../../src/provenance/provenance.ts'
import { provenanceDocument } from '../../src/provenance/provenance-schema.ts'
import { sha256 } from '../../src/stores/checksums.ts'
import { gzipFrame, inflate } from '../../src/stores/gzip.ts'
import { gzipHeader } from '../../src/stores/gzip-header.ts'

const frame = Buffer.concat([randomBytes(2000), Buffer.alloc(3000, 'alert')])
const gz = await gzipFrame(frame)
const identity = { sha256: sha256(frame), frameBytes: frame.length, archivedAt: 1_764_451_299_001 }
const record: ArchivedRecord = {
  topic: 'alerts-simulated', topicId: '01234567-89ab-cdef-0123-456789abcdef', partition: 44, offset: 2n ** 60n, leaderEpoch: 7,
  timestamp: 1_764_451_234_567n, timestampType: 'CreateTime', key: Buffer.from('170028518906855444'),
  headers: [[Buffer.from('h'), Buffer.from([0, 255])], [Buffer.from('h'), null], [Buffer.from('é'), Buffer.alloc(0)]]
}
const redrivenFrom = { topic: 'alerts', partition: 1, offset: 99n, timestamp: -1n }
const { object } = withProvenance(gz, identity, record)

await t.test('docs/provenance.avsc is current (npm run docs)', async t => {
  t.equal(await readFile(join(import.meta.dirname, '../../docs/provenance.avsc'), 'utf8'), provenanceDocument())
})

await t.test('what was written is read, and equal inputs give equal objects', async t => {
  t.strictSame(readProvenance(object), { ...identity, gzipBytes: gz.length, record, truncated: [], redrivenFrom: undefined })
  t.ok(withProvenance(gz, identity, record).object.equals(object))
  t.ok(inflate(object).equals(frame))
  t.equal(gzipHeader(object)?.time, 1_764_451_234)
  t.strictSame(readProvenance(withProvenance(gz, identity, record, redrivenFrom).object)?.redrivenFrom, redrivenFrom)
  const unknown = { ...record, topicId: undefined, timestampType: undefined, leaderEpoch: -1, key: null, headers: [] }
  t.strictSame(readProvenance(withProvenance(gz, identity, unknown).object)?.record, unknown)
})

await t.test('provenance with a negative frame length identifies no frame', async t => {
  const { object } = withProvenance(gz, { ...identity, frameBytes: -1 }, record)
  t.equal(frameIdentity(object, object.length), undefined)
})

await t.test('any 64-bit timestamp and offset is kept; the time of the header is 0 if the timestamp does not fit into it', async t => {
  for (const timestamp of [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const { object } = withProvenance(gz, identity, { ...record, timestamp, offset: 2n ** 63n - 1n })
    t.strictSame(readProvenance(object)?.record.timestamp, timestamp)
    t.equal(gzipHeader(object)?.time, 0)
    t.ok(inflate(object).equals(frame))
  }
})

function randomHeaders (count: number, bytes: number): KafkaHeader[] {
  return Array.from({ length: count }, (): KafkaHeader =>
    [randomBytes(randomInt(bytes + 1)), randomInt(3) === 0 ? null : randomBytes(randomInt(bytes + 1))])
}

await t.test('any record fits: headers, then the key are left out if the field would be longer than 65,531 bytes', async t => {
  const keys = [null, Buffer.alloc(0), randomBytes(20), randomBytes(65_000), randomBytes(65_531), randomBytes(3_000_000)]
  const headers = [
    [], randomHeaders(1, 10), randomHeaders(500, 60), randomHeaders(3000, 20), randomHeaders(60_000, 0), randomHeaders(2, 3_000_000),
    [[Buffer.alloc(0), Buffer.alloc(0)]], Array.from({ length: 40_000 }, (): KafkaHeader => [Buffer.alloc(0), null])
  ] as ReadonlyArray<readonly KafkaHeader[]>
  const seen = new Set<string>()
  for (const key of keys) {
    for (const each of headers) {
      const topic = 't'.repeat(randomInt(1, 250))
      const written = withProvenance(gz, identity, { ...record, topic, key, headers: each }, { ...redrivenFrom, topic })
      const { extraBytes } = gzipHeader(written.object)!
      t.ok(extraBytes <= 2 + 65_535)
      const read = readProvenance(written.object)!
      t.strictSame(read.truncated, written.truncated)
      t.strictSame(read.record.key, read.truncated.includes('key') ? null : key)
      const text = ([name, value]: KafkaHeader) => [name.toString(), value]
      t.strictSame(read.record.headers.map(text), read.truncated.includes('headers') ? [] : each.map(text))
      t.strictSame([read.record.topic, read.record.offset, read.sha256], [topic, record.offset, identity.sha256])
      t.ok(inflate(written.object).equals(frame))
      seen.add(read.truncated.join('+'))
    }
  }
  t.strictSame([...seen].sort(), ['', 'headers', 'headers+key'])
})

await t.test('nothing is left out while the field has room, to the byte', async t => {
  const withHeader = (bytes: number) =>
    withProvenance(gz, identity, { ...record, key: null, headers: [[Buffer.from('h'), Buffer.alloc(bytes)]] })
  let [fits, tooLong] = [60_000, 65_531]
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1
    if (withHeader(middle).truncated.length === 0) fits = middle
    else tooLong = middle
  }
  t.strictSame(gzipHeader(withHeader(fits).object)?.extraBytes, 2 + 65_535)
  t.strictSame(withHeader(tooLong).truncated, ['headers'])
})

await t.test('a flipped bit in the field is found, and the frame is still read', async t => {
  const end = 10 + gzipHeader(object)!.extraBytes
  const dataAt = 16
  for (let bit = dataAt * 8; bit < end * 8; bit++) {
    const flipped = Buffer.from(object)
    flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7))
    t.throws(() => readProvenance(flipped, 'here'), { code: 'PROVENANCE_DAMAGED', where: 'here' })
    t.equal(frameIdentity(flipped, flipped.length), undefined)
    if (!inflate(flipped).equals(frame)) t.fail(`bit ${bit}`)
  }
})

await t.test('bytes of any content in the field are damage, never a hang or a crash', async t => {
  const end = 10 + gzipHeader(object)!.extraBytes
  for (let round = 0; round < 300; round++) {
    const damaged = Buffer.from(object)
    const at = 12 + randomInt(end - 12)
    randomBytes(randomInt(1, 40)).copy(damaged, at)
    // The bytes may be equal, or differ only behind the field.
    if (damaged.subarray(0, end).equals(object.subarray(0, end))) continue
    try {
      // If the id of the field is damaged, the object has no provenance.
      t.equal(readProvenance(damaged), undefined)
    } catch (error) {
      t.match(error, { code: 'PROVENANCE_DAMAGED' })
    }
  }
})

await t.test('the first bytes of an object identify its frame, unless the object has another size or no provenance', async t => {
  const start = object.subarray(0, 1024)
  t.match(frameIdentity(start, object.length), { sha256: identity.sha256, frameBytes: frame.length })
  t.equal(objectBytes(readProvenance(object)!, object), object.length)
  for (const size of [object.length - 1, object.length + 1, 0]) t.equal(frameIdentity(start, size), undefined, `${size} bytes`)
  t.equal(frameIdentity(object.subarray(0, 100), object.length), undefined, 'the field is not complete')
  t.equal(frameIdentity(gz.subarray(0, 1024), gz.length), undefined)
  t.equal(frameIdentity(Buffer.alloc(0), 0), undefined)
})
