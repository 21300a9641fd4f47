import t from 'tap'
import { join } from 'node:path'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { AlertStreamError } from '../../src/pipeline/index.ts'
import { archiveSink, faultsOfTheStore, retryable, type ArchivableAlert } from '../../src/sinks/archive.ts'
import { crc32c, createArchive, createDeduplicator, gzipFrame, openStore, storeErrors, type Archive } from '../../src/stores/index.ts'
import { tempDir } from '../support/stack.ts'

const context = { origin: { node: 'test', position: '0' }, signal: new AbortController().signal, attempt: 1 }

async function alert (id: string, text: string, withGzip = true): Promise<ArchivableAlert> {
  const frame = Buffer.from(text)
  return { id, frame, crc32c: crc32c(frame), gz: withGzip ? await gzipFrame(frame) : undefined }
}

async function archiveIn (root: string): Promise<Archive> {
  const store = await openStore(pathToFileURL(root).href)
  return createArchive({ alerts: store, schemas: store, layout: 'v2' })
}

await t.test('an alert is written once; copies, with or without gzip at hand, count as there already', async t => {
  const archive = await archiveIn(await tempDir(t))
  const sink = archiveSink(() => archive, createDeduplicator({ max: 10 }), 'test')
  t.equal(await sink.write(await alert('1', 'one'), context), 'written', 'a write says what it did')
  await Promise.all([sink.write(await alert('1', 'one'), context), sink.write(await alert('1', 'one', false), context)])
  await sink.write(await alert('2', 'two', false), context)
  // Another process has forgotten nothing, because the store tells it.
  const other = archiveSink(() => archive, createDeduplicator({ max: 10 }), 'test')
  t.equal(await other.write(await alert('1', 'one', false), context), 'identical')
  t.match(sink.stats, { written: 2, identical: 2 })
  t.match(other.stats, { written: 0, identical: 1, writtenBytes: 0 })
  t.equal(String(await archive.getAlert('1')), 'one')
  t.equal(String(await archive.getAlert('2')), 'two')
})

await t.test('copies at the same moment are one write', async t => {
  let puts = 0
  const archive = { putAlert: async () => { puts++; await new Promise(resolve => setImmediate(resolve)); return 'written' } } as unknown as Archive
  const sink = archiveSink(() => archive, createDeduplicator({ max: 10 }), 'test')
  const copy = await alert('1', 'one')
  await Promise.all(Array.from({ length: 20 }, () => sink.write(copy, context)))
  t.equal(puts, 1)
  t.match(sink.stats, { written: 1, identical: 19 })
})

await t.test('another alert of the same id, and an id that cannot be one, are the record\'s own fault', async t => {
  const archive = await archiveIn(await tempDir(t))
  const sink = archiveSink(() => archive, createDeduplicator({ max: 10 }), 'test')
  await sink.write(await alert('1', 'one'), context)
  await t.rejects(sink.write(await alert('1', 'another'), context), { code: 'ARCHIVE_CONFLICT', retryable: false })
  await t.rejects(sink.write(await alert('-1', 'one'), context), { code: 'ALERT_ID_INVALID', retryable: false })
  t.equal(String(await archive.getAlert('1')), 'one')
  t.match(sink.stats, { written: 1, identical: 0 })
})

await t.test('a store that has become no folder is no fault of any alert: the error is retryable, and the write succeeds once it is one again', async t => {
  const root = join(await tempDir(t), 'store')
  const archive = await archiveIn(root)
  const sink = archiveSink(() => archive, createDeduplicator({ max: 10 }), 'test')
  await rm(root, { recursive: true })
  await writeFile(root, '')
  await t.rejects(sink.write(await alert('1', 'one'), context), { code: 'STORE_PATH_BLOCKED', retryable: true, where: /store/ })
  t.match(sink.stats, { written: 0, identical: 0 }, 'a failure is not remembered as done')
  await rm(root)
  const again = await archiveIn(root)
  const other = archiveSink(() => again, createDeduplicator({ max: 10 }), 'test')
  await other.write(await alert('1', 'one'), context)
  t.strictSame(await readdir(join(root, 'v2/alerts/1')), ['1.avro.gz'])
})

await t.test('only the named codes become retryable; code, message, hint and place stay', t => {
  const error = storeErrors.STORE_NO_LINKS('no links', { where: '/there' })
  const changed = retryable(error, faultsOfTheStore)
  t.match(changed, { code: 'STORE_NO_LINKS', message: 'no links', where: '/there', hint: error.hint, retryable: true })
  t.ok(changed instanceof AlertStreamError)
  const conflict = storeErrors.ARCHIVE_CONFLICT('other content')
  t.equal(retryable(conflict, faultsOfTheStore), conflict)
  const odd = new Error('odd')
  t.equal(retryable(odd, faultsOfTheStore), odd)
  t.end()
})
