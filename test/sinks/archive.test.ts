import t from 'tap'
import { join } from 'node:path'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { openCompressor } from '../../src/compression/open-compressor.ts'
import { textHeader } from '../../src/kafka/record.ts'
import { silent } from '../../src/pipeline/index.ts'
import { readProvenance } from '../../src/provenance/provenance.ts'
import { archiveSink, type ArchivableAlert, type ArchiveSink } from '../../src/sinks/archive.ts'
import { createArchive, type Archive } from '../../src/stores/archive.ts'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { storeErrors } from '../../src/stores/errors.ts'
import { gzipFrame, inflate } from '../../src/stores/gzip.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { forge } from '../support/equal-crc32c.ts'
import { tempDir } from '../support/stack.ts'

const context = { origin: { node: 'test', position: '0' }, signal: new AbortController().signal, attempt: 1 }

const origin: ArchivableAlert['origin'] = {
  topic: 'alerts', topicId: '01234567-89ab-cdef-0123-456789abcdef', partition: 3, offset: 7n, leaderEpoch: 2,
  timestamp: 1_764_451_234_567n, timestampType: 'CreateTime', key: Buffer.from('key'), headers: [textHeader('h', 'value')]
}

function alert (id: string, text: string, more: Partial<ArchivableAlert> = {}): ArchivableAlert {
  return { id, frame: Buffer.from(text), origin, ...more }
}

async function archiveIn (root: string): Promise<Archive> {
  const store = await openStore(pathToFileURL(root).href)
  return createArchive({ alerts: store, schemas: store, layout: 'v2' })
}

function sinkInto (archive: Pick<Archive, 'putAlert'>): ArchiveSink {
  return archiveSink({ archive: () => archive, target: 'test', compressor: openCompressor({ compressor: 'zlib' }, 2, silent), writes: 3 })
}

await t.test('writes an alert once and counts later copies as identical, including copies from another process', async t => {
  const archive = await archiveIn(await tempDir(t))
  const sink = sinkInto(archive)
  t.equal(await sink.write(alert('1', 'one'), context), 'written')
  const copies = [sink.write(alert('1', 'one'), context), sink.write(alert('1', 'one'), context)]
  t.strictSame(await Promise.all(copies), ['identical', 'identical'])
  await sink.write(alert('2', 'two'), context)
  const other = sinkInto(archive)
  t.equal(await other.write(alert('1', 'one'), context), 'identical')
  t.match(sink.stats, { written: 2, identical: 2 })
  t.match(other.stats, { written: 0, identical: 1, writtenBytes: 0 })
  t.equal(String(await archive.getAlert('1')), 'one')
  t.equal(String(await archive.getAlert('2')), 'two')
})

await t.test('writes the gzip of the frame with the frame\'s checksums, and counts the compressed bytes', async t => {
  const given = alert('7', 'text '.repeat(1000))
  let bytes = 0
  const sink = sinkInto({
    putAlert: async (id, gz, checksums) => {
      t.strictSame([id, checksums], ['7', checksumsOf(given.frame)])
      t.ok(inflate(gz).equals(given.frame))
      bytes = gz.length
      return 'written'
    }
  })
  await sink.write(given, context)
  t.ok(bytes > 0)
  t.equal(sink.stats.writtenBytes, bytes)
})

await t.test('the object is freed when it is written: not during a slow write, and not if the write fails', async t => {
  const slow = Promise.withResolvers<undefined>()
  const objects: Buffer[] = []
  const sink = sinkInto({
    putAlert: async (id, gz) => {
      objects[Number(id)] = gz
      if (id === '0') throw storeErrors.STORE_UNAVAILABLE('down')
      if (id === '1') await slow.promise
      return 'written'
    }
  })
  await t.rejects(sink.write(alert('0', 'text'), context), { code: 'STORE_UNAVAILABLE' })
  const writing = sink.write(alert('1', 'text'), context)
  for (let id = 2; id < 20; id++) await sink.write(alert(String(id), 'text'), context)
  t.strictSame(objects.slice(0, 2).map(gz => String(inflate(gz))), ['text', 'text'])
  t.ok(objects.slice(2).every(gz => gz.length === 0))
  slow.resolve(undefined)
  await writing
  t.equal(objects[1]!.length, 0)
})

await t.test('the object has the provenance of the delivery that was written first, also if later deliveries are identical', async t => {
  const root = await tempDir(t)
  const archive = await archiveIn(root)
  const sink = sinkInto(archive)
  const redrivenFrom = { topic: 'first', partition: 0, offset: 1n, timestamp: 2n }
  const before = Date.now()
  await sink.write(alert('1', 'one', { redrivenFrom }), context)
  const stored = await readFile(join(root, 'v2/alerts/1/1.avro.gz'))
  const { archivedAt, gzipBytes, ...provenance } = readProvenance(stored)!
  t.strictSame(provenance, {
    sha256: checksumsOf(Buffer.from('one')).sha256, frameBytes: 3, record: origin, truncated: [], redrivenFrom
  })
  t.ok(archivedAt >= before && archivedAt <= Date.now())
  t.equal(gzipBytes, (await gzipFrame(Buffer.from('one'))).length)
  const later = alert('1', 'one', { origin: { ...origin, offset: 8n } })
  for (const each of [sink, sinkInto(archive)]) t.equal(await each.write(later, context), 'identical')
  t.ok(stored.equals(await readFile(join(root, 'v2/alerts/1/1.avro.gz'))))
})

await t.test('counts written alerts whose headers are too long for the provenance', async t => {
  const sink = sinkInto(await archiveIn(await tempDir(t)))
  const long = { ...origin, headers: [textHeader('h', 'x'.repeat(70_000))] }
  await sink.write(alert('1', 'one'), context)
  await sink.write(alert('2', 'two', { origin: long }), context)
  await sink.write(alert('1', 'one', { origin: long }), context)
  t.match(sink.stats, { written: 2, identical: 1, truncated: 1 })
})

await t.test('several copies of an alert in flight at the same time cause one write', async t => {
  let puts = 0
  const sink = sinkInto({
    putAlert: async () => {
      puts++
      await new Promise(resolve => setImmediate(resolve))
      return 'written'
    }
  })
  await Promise.all(Array.from({ length: 20 }, () => sink.write(alert('1', 'one'), context)))
  t.equal(puts, 1)
  t.match(sink.stats, { written: 1, identical: 19 })
})

await t.test('an alert with the id of a different archived alert, and an alert with an invalid id, are bad records', async t => {
  const archive = await archiveIn(await tempDir(t))
  const sink = sinkInto(archive)
  await sink.write(alert('1', 'one'), context)
  await t.rejects(sink.write(alert('1', 'another'), context), { code: 'ARCHIVE_CONFLICT', retryable: false })
  await t.rejects(sink.write(alert('-1', 'one'), context), { code: 'ALERT_ID_INVALID', retryable: false })
  t.equal(String(await archive.getAlert('1')), 'one')
  t.match(sink.stats, { written: 1, identical: 0 })
})

await t.test('a frame with the id and the CRC32C of an archived alert, but other content, is a conflict, not a duplicate', async t => {
  const archive = await archiveIn(await tempDir(t))
  const sink = sinkInto(archive)
  const first = alert('1', 'the first frame')
  const second = alert('1', '', { frame: forge(Buffer.from('another frame'), first.frame) })
  t.equal(checksumsOf(second.frame).crc32c, checksumsOf(first.frame).crc32c)
  const outcomes = await Promise.allSettled([first, second].map(async each => sink.write(each, context)))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  t.match(outcomes.find(({ status }) => status === 'rejected'), { reason: { code: 'ARCHIVE_CONFLICT', retryable: false, fatal: false } })
  const kept = (await archive.getAlert('1'))!
  const lost = [first, second].find(({ frame }) => !frame.equals(kept))!
  await t.rejects(sink.write(lost, context), { code: 'ARCHIVE_CONFLICT' }, 'the conflict is not remembered as a duplicate')
  t.match(sink.stats, { written: 1, identical: 0 })
})

await t.test('a write that the store denies fails with a fatal error, is not counted and not remembered', async t => {
  let denied = true
  const sink = sinkInto({
    putAlert: async () => {
      if (denied) throw storeErrors.STORE_BUCKET_DENIED('cannot write the object: the store returned 403', { where: 'gs://b/1' })
      return 'written'
    }
  })
  const copies = await Promise.allSettled([1, 2].map(async () => sink.write(alert('1', 'one'), context)))
  const rejected = { status: 'rejected', reason: { code: 'STORE_BUCKET_DENIED', fatal: true } }
  t.match(copies, [rejected, rejected])
  t.match(sink.stats, { written: 0, identical: 0 })
  denied = false
  t.equal(await sink.write(alert('1', 'one'), context), 'written')
})

await t.test('a write fails with a retryable error while a file blocks the store\'s folder, and succeeds after its removal', async t => {
  const root = join(await tempDir(t), 'store')
  const sink = sinkInto(await archiveIn(root))
  await rm(root, { recursive: true })
  await writeFile(root, '')
  await t.rejects(sink.write(alert('1', 'one'), context), { code: 'STORE_PATH_BLOCKED', retryable: true, where: /store/ })
  t.match(sink.stats, { written: 0, identical: 0 })
  await rm(root)
  const other = sinkInto(await archiveIn(root))
  await other.write(alert('1', 'one'), context)
  t.strictSame(await readdir(join(root, 'v2/alerts/1')), ['1.avro.gz'])
})

await t.test('a failed write is not remembered, so the next attempt writes the alert', async t => {
  let down = true
  const error = storeErrors.STORE_NO_LINKS('no links', { where: '/data' })
  const sink = sinkInto({ putAlert: async () => { if (down) throw error; return 'written' } })
  const { code, message, where, hint } = error
  await t.rejects(sink.write(alert('1', 'one'), context), { code, message, where, hint, retryable: true })
  down = false
  t.equal(await sink.write(alert('1', 'one'), context), 'written')
})

await t.test('attempts at most `writes` writes at once, and attempts every write even if one fails', async t => {
  let running = 0
  let most = 0
  const putAlert = async (id: string) => {
    most = Math.max(most, ++running)
    await new Promise(resolve => setTimeout(resolve, 5))
    running--
    if (id === '3') throw new Error('disk')
    return 'written' as const
  }
  const sink = sinkInto({ putAlert })
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, id) => sink.write(alert(String(id), 'text'), context)))
  t.strictSame(outcomes.flatMap(({ status }, id) => status === 'rejected' ? [id] : []), [3])
  t.equal(most, 3)
})

await t.test('compresses at most `gzipThreads` frames at once', async t => {
  const order: string[] = []
  const sink = sinkInto({ putAlert: async id => { order.push(id); return 'written' } })
  // The small frame would be written first if its compression did not wait for one of the two large frames.
  const large = 'some text '.repeat(500_000)
  await Promise.all([['1', large], ['2', large], ['3', 'small']].map(async ([id, text]) => sink.write(alert(id!, text!), context)))
  t.not(order[0], '3')
})
