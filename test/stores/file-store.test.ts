import t from 'tap'
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Logger, silent } from '../../src/pipeline/log.ts'
import { gzipType } from '../../src/stores/conflict.ts'
import { crc32c, hex32 } from '../../src/stores/crc32c.ts'
import { openFileStore } from '../../src/stores/file-store.ts'

const frame = Buffer.alloc(40_000, 'an alert ')
const meta = { contentType: gzipType, crc32c: crc32c(frame) }
const gz = gzipSync(frame)

async function collect (keys: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const key of keys) all.push(key)
  return all.sort()
}

await t.test('what was put is read back, under keys of both layouts', async t => {
  const root = t.testdir()
  const store = await openFileStore(join(root, 'made', 'on', 'demand'))
  const keys = ['v2/alerts/123456/1234567.avro.gz', '/alert_archive/v1/alerts/1234567.avro.gz']
  for (const key of keys) {
    t.equal(await store.exists(key), false)
    t.equal(await store.get(key), undefined)
    t.equal(await store.put(key, gz, meta), 'written')
    t.equal(await store.exists(key), true)
    t.ok((await store.get(key))?.body.equals(gz))
    t.ok((await readFile(join(root, 'made/on/demand', key))).equals(gz), 'the key is the path below the root')
  }
  t.same(await collect(store.list('')), ['alert_archive/v1/alerts/1234567.avro.gz', 'v2/alerts/123456/1234567.avro.gz'])
  t.match(store.url, /^file:\/\/\/.*\/made\/on\/demand$/)
  t.equal(await store.get('v2/alerts'), undefined, 'a folder is not an object')
})

await t.test('the same content again is identical and writes nothing, whatever compressed it', async t => {
  const root = t.testdir()
  const store = await openFileStore(root)
  await store.put('a.gz', gz, meta)
  const before = await stat(join(root, 'a.gz'))
  const otherwise = gzipSync(frame, { level: 1 })
  t.notOk(otherwise.equals(gz))
  t.equal(await store.put('a.gz', gz, meta), 'identical')
  t.equal(await store.put('a.gz', otherwise, meta), 'identical')
  const after = await stat(join(root, 'a.gz'))
  t.same([after.ino, after.mtimeMs], [before.ino, before.mtimeMs])
  t.ok((await store.get('a.gz'))?.body.equals(gz), 'the first one stays')
})

await t.test('other content is a conflict that names the key and both checksums, and overwrites nothing', async t => {
  const root = t.testdir()
  const store = await openFileStore(root)
  await store.put('a.gz', gz, meta)
  const other = Buffer.from('another alert')
  const conflict = store.put('a.gz', gzipSync(other), { ...meta, crc32c: crc32c(other) })
  await t.rejects(conflict, { code: 'ARCHIVE_CONFLICT', retryable: false, where: join(root, 'a.gz'), message: new RegExp(`${hex32(meta.crc32c)}.*${hex32(crc32c(other))}`) })
  t.ok((await store.get('a.gz'))?.body.equals(gz))
  t.same(await readdir(join(root, '.incoming')), [])
})

await t.test('a lie about the checksum does not make two contents the same', async t => {
  const store = await openFileStore(t.testdir())
  await store.put('a.gz', gz, meta)
  await t.rejects(store.put('a.gz', gzipSync('another alert'), meta), { code: 'ARCHIVE_CONFLICT' })
})

await t.test('an unreadable object in the way is a conflict, not overwritten', async t => {
  const store = await openFileStore(t.testdir({ 'a.gz': 'half' }))
  await t.rejects(store.put('a.gz', gz, meta), { code: 'ARCHIVE_CONFLICT', cause: { code: 'OBJECT_CORRUPT' } })
  t.equal((await store.get('a.gz'))?.body.toString(), 'half')
})

await t.test('plain objects are compared byte by byte unless the caller knows better', async t => {
  const store = await openFileStore(t.testdir())
  const json = { contentType: 'application/json', crc32c: 1 }
  t.equal(await store.put('s', Buffer.from('{}'), json), 'written')
  await t.rejects(store.put('s', Buffer.from('{ }'), json), { code: 'ARCHIVE_CONFLICT' })
  t.equal(await store.put('s', Buffer.from('{ }'), { ...json, same: async () => true }), 'identical')
  await t.rejects(store.put('s', Buffer.from('{ }'), { ...json, same: () => false }), { code: 'ARCHIVE_CONFLICT' })
})

await t.test('of concurrent puts of one key exactly one is written, in one store and across stores', async t => {
  const root = t.testdir()
  const stores = [await openFileStore(root), await openFileStore(root)]
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) => stores[i % 2]!.put('v2/one.gz', gzipSync(frame, { level: 1 + i % 9 }), meta)))
  t.equal(outcomes.filter(outcome => outcome === 'written').length, 1)
  t.equal(outcomes.filter(outcome => outcome === 'identical').length, 19)
  const contents = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => {
    const body = Buffer.from(`content ${i}`)
    return stores[i % 2]!.put('v2/two.gz', gzipSync(body), { ...meta, crc32c: crc32c(body) })
  }))
  t.equal(contents.filter(({ status }) => status === 'fulfilled').length, 1)
  t.match(contents.filter(({ status }) => status === 'rejected'), Array(19).fill({ reason: { code: 'ARCHIVE_CONFLICT' } }))
  t.same(await readdir(join(root, '.incoming')), [])
})

await t.test('many objects at once in many folders are all there', async t => {
  const store = await openFileStore(t.testdir())
  const keys = Array.from({ length: 300 }, (_, i) => `v2/alerts/${i % 7}/${i}.avro.gz`)
  const outcomes = await Promise.all(keys.map(key => store.put(key, gz, meta)))
  t.same(new Set(outcomes), new Set(['written']))
  t.same(await collect(store.list('')), keys.sort())
})

await t.test('listings go by prefix, not by folder, and keep the leading slash of v1', async t => {
  const store = await openFileStore(t.testdir({
    v2: { alerts: { 123456: { '1234567.avro.gz': '', '1234568.avro.gz': '' }, 12: { '12.avro.gz': '' } }, schemas: { '1.json': '' } },
    alert_archive: { v1: { alerts: { '5.avro.gz': '' } } },
    '.incoming': { unfinished: '' }
  }))
  t.equal((await collect(store.list(''))).length, 5)
  t.same(await collect(store.list('v2/alerts/1')), ['v2/alerts/12/12.avro.gz', 'v2/alerts/123456/1234567.avro.gz', 'v2/alerts/123456/1234568.avro.gz'])
  t.same(await collect(store.list('v2/alerts/12/')), ['v2/alerts/12/12.avro.gz'])
  t.same(await collect(store.list('v2/alerts/123456/12345671')), [])
  t.same(await collect(store.list('/alert_archive/v1/')), ['/alert_archive/v1/alerts/5.avro.gz'])
  t.same(await collect(store.list('v3/alerts/')), [])
  t.same(await collect(store.list('.inc')), [])
})

await t.test('no key leaves the store or reaches its unfinished files', async t => {
  const root = t.testdir({ outside: 'secret', store: { '.incoming': { x: 'unfinished' } } })
  const store = await openFileStore(join(root, 'store'))
  for (const key of ['../outside', 'a/../../outside', '/../outside', '..', '.', '', '/', 'a//b', 'a/', '//a', 'a/./b', 'a\0b', 'a\\b', '.incoming/x', '/.incoming/x', 'x'.repeat(256)]) {
    await t.rejects(store.get(key), { code: 'STORE_KEY_INVALID', retryable: false }, JSON.stringify(key))
    await t.rejects(store.put(key, gz, meta), { code: 'STORE_KEY_INVALID' })
    await t.rejects(store.exists(key), { code: 'STORE_KEY_INVALID' })
  }
  await t.rejects(collect(store.list('../')), { code: 'STORE_KEY_INVALID' })
  await t.rejects(collect(store.list('.incoming/')), { code: 'STORE_KEY_INVALID' })
  t.same((await readdir(root)).sort(), ['outside', 'store'])
})

await t.test('a file where a folder should be is a clear error everywhere', async t => {
  const root = t.testdir({ file: 'x', store: { v2: 'a file' } })
  const blocked = { code: 'STORE_PATH_BLOCKED', retryable: false }
  await t.rejects(openFileStore(join(root, 'file', 'store')), blocked)
  const store = await openFileStore(join(root, 'store'))
  await t.rejects(store.put('v2/a.gz', gz, meta), { ...blocked, where: join(root, 'store/v2/a.gz') })
  await t.rejects(store.get('v2/a.gz'), blocked)
  await t.rejects(store.exists('v2/a.gz'), blocked)
  const reader = await openFileStore(join(root, 'file'), { access: 'read' })
  await t.rejects(reader.check(), blocked)
  t.same(await readdir(join(root, 'store', '.incoming')), [])
})

await t.test('a reader changes nothing, and says so when its root is missing', async t => {
  const root = t.testdir()
  const reader = await openFileStore(join(root, 'later'), { access: 'read' })
  const missing = { code: 'STORE_MISSING', retryable: true }
  await t.rejects(reader.check(), missing)
  await t.rejects(reader.get('a'), missing, 'an unmounted archive is not an archive without objects')
  await t.rejects(reader.exists('a'), missing)
  await t.rejects(collect(reader.list('')), missing)
  t.same(await readdir(root), [])
  const writer = await openFileStore(join(root, 'later'))
  await writer.put('a', gz, meta)
  await reader.check()
  t.ok((await reader.get('a'))?.body.equals(gz))
  await t.rejects(reader.put('b', gz, meta), { code: 'STORE_READ_ONLY' })
})

await t.test('a folder of objects that goes while the store is open is made again', async t => {
  const root = t.testdir()
  const store = await openFileStore(root)
  await store.put('v2/a/1.gz', gz, meta)
  await rm(join(root, 'v2'), { recursive: true })
  t.equal(await store.put('v2/a/2.gz', gz, meta), 'written')
  t.same(await collect(store.list('')), ['v2/a/2.gz'])
})

await t.test('a store whose root goes is not made anew in another place: puts fail until it is back', async t => {
  const folder = t.testdir({ mount: {} })
  const root = join(folder, 'mount')
  const store = await openFileStore(root)
  await store.put('v2/a/1.gz', gz, meta)
  await rename(root, join(folder, 'away'))
  await t.rejects(store.put('v2/a/2.gz', gz, meta), { code: 'STORE_MISSING', retryable: true })
  t.same(await readdir(folder), ['away'])
  // A mount point without its volume is an empty folder: nothing may be written there either.
  await mkdir(root)
  await t.rejects(store.put('v2/a/3.gz', gz, meta), { code: 'STORE_MISSING' })
  t.same(await readdir(root), [])
  await rm(root, { recursive: true })
  await rename(join(folder, 'away'), root)
  t.equal(await store.put('v2/a/2.gz', gz, meta), 'written')
})

await t.test('opening removes what dead writers left, and nothing of the living', async t => {
  const root = t.testdir()
  await openFileStore(root)
  const incoming = join(root, '.incoming')
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  // The owner's part of a name, taken from a file of a store in this process.
  const probe = openFileStore(root).then(store => store.put('probe', Buffer.alloc(30_000_000, 1), { contentType: 'x', crc32c: 0 }))
  let mine: string | undefined
  while (mine === undefined) mine = (await readdir(incoming))[0]
  await probe
  const [host, namespace, pid] = mine.split('~')
  t.equal(host, hostname().replace(/[^A-Za-z0-9.-]/g, '_'))
  t.equal(pid, String(process.pid))
  const names = {
    deadHere: `${host}~${namespace}~${dead}~aa~0`,
    pidReused: `${host}~${namespace}~${pid}~aa~0`,
    aliveHere: `${host}~${namespace}~1~aa~0`,
    elsewhere: `other~${namespace}~${dead}~aa~0`,
    otherContainer: `${host}~1~${dead}~aa~0`,
    elsewhereOld: 'other~0~1~aa~1',
    strange: 'strange'
  }
  await mkdir(incoming, { recursive: true })
  for (const name of Object.values(names)) await writeFile(join(incoming, name), 'half')
  const longAgo = new Date(Date.now() - 2 * 3600_000)
  await utimes(join(incoming, names.elsewhereOld), longAgo, longAgo)
  const logged: object[] = []
  const log: Logger = { ...silent, info: fields => { logged.push(fields) } }
  await openFileStore(root, { log })
  t.same((await readdir(incoming)).sort(), [names.aliveHere, names.elsewhere, names.otherContainer, names.strange].sort())
  t.match(logged, [{ removed: 3 }])
})

await t.test('close waits for the puts under way and refuses more', async t => {
  const store = await openFileStore(t.testdir())
  const puts = Array.from({ length: 20 }, (_, i) => store.put(`${i}.gz`, gz, meta))
  let ended = 0
  for (const put of puts) put.then(() => { ended++ }, () => {})
  await store.close()
  t.equal(ended, 20)
  await t.rejects(store.put('late.gz', gz, meta), { code: 'STORE_CLOSED' })
})

await t.test('the store can be checked', async t => {
  const root = t.testdir()
  const store = await openFileStore(join(root, 'store'))
  await store.check()
  await rm(join(root, 'store'), { recursive: true })
  await t.rejects(store.check(), { code: 'STORE_MISSING' })
})
