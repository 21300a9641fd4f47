// Compressed batches of a real broker: written by librdkafka with every codec, and gzip batches that decompress to many times their size.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { createGzip } from 'node:zlib'
import t from 'tap'
import { encodeBatch, encodeRecords } from '../kafka/encode-batch.ts'
import { produceRaw } from '../kafka/produce-raw.ts'
import { adminFor, connect, everyRecord } from '../kafka/support.ts'
import { uniqueName, usePython, useStack } from '../support/stack.ts'

const MIB = 1024 * 1024
const GZIP = 1
/** The records are from 1970, so retention would delete them. */
const configs = { 'max.message.bytes': '5000000', 'retention.ms': '-1' }
const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const run = promisify(execFile)

/** Gzips records without holding them all in memory. */
async function gzipRecords (count: number, value: Buffer): Promise<Buffer> {
  const gzip = createGzip({ level: 1 })
  const chunks: Buffer[] = []
  gzip.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  for (let offsetDelta = 0; offsetDelta < count; offsetDelta++) {
    if (!gzip.write(encodeRecords([{ offsetDelta, value }]))) await once(gzip, 'drain')
  }
  gzip.end()
  await once(gzip, 'end')
  return Buffer.concat(chunks)
}

async function readInChild (topic: string) {
  const program = new URL('read-topic-child.ts', import.meta.url).pathname
  const { stdout } = await run(process.execPath, [program, kafka, topic])
  return JSON.parse(stdout) as { records: number, bytes: number, omitted: unknown[], maxRssMib: number }
}

await t.test('reads what librdkafka writes with each codec', async t => {
  const python = await usePython(t)
  const program = new URL('produce_codecs.py', import.meta.url).pathname
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    const topic = uniqueName(codec)
    await admin.createTopic(topic, { partitions: 1, replicas: 1, configs: { 'max.message.bytes': '10000000' } })
    const { stdout } = await run(python, [program, kafka, topic, codec])
    const hash = createHash('sha256')
    const records = await everyRecord(connection, topic)
    for (const { key, value } of records) hash.update(key ?? '').update(value ?? '')
    t.strictSame(`${records.length} ${hash.digest('hex')}`, stdout.trim(), codec)
  }
})

await t.test('a small gzip batch that holds 600 MiB is read in bounded memory', async t => {
  const topic = uniqueName('bomb')
  await admin.createTopic(topic, { partitions: 1, replicas: 1, configs })
  const payload = await gzipRecords(600, Buffer.alloc(MIB))
  t.ok(payload.length < 5 * MIB, `the batch has ${payload.length} bytes`)
  const fields = { firstOffset: 0n, records: [], attributes: GZIP, payload }
  await produceRaw(kafka, topic, 0, encodeBatch({ ...fields, count: 600, lastOffsetDelta: 599 }))
  const { records, bytes, maxRssMib } = await readInChild(topic)
  t.strictSame([records, bytes], [600, 600 * MIB])
  t.ok(maxRssMib < 400, `${maxRssMib} MiB`)
})

await t.test('a record of 400 MiB is read in bounded memory, as size and SHA-256, and the records after it are read', async t => {
  const topic = uniqueName('large')
  await admin.createTopic(topic, { partitions: 1, replicas: 1, configs })
  const value = Buffer.alloc(400 * MIB)
  const sha256 = createHash('sha256').update(value).digest('hex')
  const payload = await gzipRecords(1, value)
  await produceRaw(kafka, topic, 0, encodeBatch({ firstOffset: 0n, records: [], count: 1, lastOffsetDelta: 0, attributes: GZIP, payload }))
  await produceRaw(kafka, topic, 0, encodeBatch({ firstOffset: 0n, records: [{ offsetDelta: 0, value: Buffer.from('after') }] }))
  const { records, bytes, omitted, maxRssMib } = await readInChild(topic)
  t.strictSame([records, bytes, omitted], [2, 5, [{ bytes: value.length, sha256 }]])
  t.ok(maxRssMib < 300, `${maxRssMib} MiB`)
})
