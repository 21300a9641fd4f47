// Tests the behavior that only file stores have. contract.ts tests the common contract.
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Logger, silent } from '../../src/pipeline/log.ts'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { collect, frame, gz, meta } from './contract.ts'

await t.test('a key is a path below the root, which is created on demand; a leading slash of the key is ignored in the path', async t => {
  const root = join(t.testdir(), 'made', 'on', 'demand')
  const store = await openFileStore(root)
  for (const key of ['v2/alerts/123456/1234567.avro.gz', '/alert_archive/v1/alerts/1234567.avro.gz']) {
    t.equal(await store.put(key, gz, meta), 'written')
    t.ok((await readFile(join(root, key))).equals(gz))
  }
  t.same(await collect(store.list('')), ['alert_archive/v1/alerts/1234567.avro.gz', 'v2/alerts/123456/1234567.avro.gz'])
  t.match(store.url, /^file:\/\/\/.*\/made\/on\/demand$/)
})

await t.test('repeated and conflicting puts do not change the existing object and leave no unfinished file', async t => {
  const root = t.testdir()
  const store = await openFileStore(root)
  await store.put('a.gz', gz, meta)
  const before = await stat(join(root, 'a.gz'))
  t.equal(await store.put('a.gz', gzipSync(frame, { level: 1 }), meta), 'identical')
  const other = Buffer.from('another alert')
  await t.rejects(store.put('a.gz', gzipSync(other), { ...meta, ...checksumsOf(other) }), {
    code: 'ARCHIVE_CONFLICT', where: join(root, 'a.gz')
  })
  await Promise.all(Array.from({ length: 20 }, () => store.put('b.gz', gz, meta)))
  const after = await stat(join(root, 'a.gz'))
  t.same([after.ino, after.mtimeMs], [before.ino, before.mtimeMs])
  t.same(await readdir(join(root, '.incoming')), [])
})

await t.test('keys reach neither unfinished files nor files outside the store', async t => {
  const root = t.testdir({ outside: 'secret', store: { '.incoming': { x: 'unfinished' }, v2: { a: 'a' } } })
  const store = await openFileStore(join(root, 'store'))
  for (const key of ['../outside', 'a/../../outside', '.incoming/x', '/.incoming/x']) {
    await t.rejects(store.get(key), { code: 'STORE_KEY_INVALID' }, key)
  }
  t.same(await collect(store.list('')), ['v2/a'])
  t.same((await readdir(root)).sort(), ['outside', 'store'])
})

await t.test('a file in place of a folder gives STORE_PATH_BLOCKED in every call', async t => {
  const root = t.testdir({ file: 'x', store: { v2: 'a file' } })
  const blocked = { code: 'STORE_PATH_BLOCKED', retryable: false }
  await t.rejects(openFileStore(join(root, 'file', 'store')), blocked)
  const store = await openFileStore(join(root, 'store'))
  await t.rejects(store.put('v2/a.gz', gz, meta), { ...blocked, where: join(root, 'store/v2/a.gz') })
  await t.rejects(store.get('v2/a.gz'), blocked)
  const reader = await openFileStore(join(root, 'file'), { access: 'read' })
  await t.rejects(reader.check(), blocked)
  t.same(await readdir(join(root, 'store', '.incoming')), [])
})

await t.test('a reader changes nothing and reports a missing root', async t => {
  const root = t.testdir()
  const reader = await openFileStore(join(root, 'later'), { access: 'read' })
  const missing = { code: 'STORE_MISSING', retryable: true }
  await t.rejects(reader.check(), missing)
  await t.rejects(reader.get('a'), missing, 'get rejects instead of resolving to undefined: an unmounted archive is not empty')
  await t.rejects(collect(reader.list('')), missing)
  t.same(await readdir(root), [])
  const writer = await openFileStore(join(root, 'later'))
  await writer.put('a', gz, meta)
  await reader.check()
  t.ok((await reader.get('a'))?.body.equals(gz))
  await t.rejects(reader.put('b', gz, meta), { code: 'STORE_READ_ONLY' })
})

await t.test('a put recreates its folder if the folder was removed while the store was open', async t => {
  const root = t.testdir()
  const store = await openFileStore(root)
  await store.put('v2/a/1.gz', gz, meta)
  await rm(join(root, 'v2'), { recursive: true })
  t.equal(await store.put('v2/a/2.gz', gz, meta), 'written')
  t.same(await collect(store.list('')), ['v2/a/2.gz'])
})

await t.test('puts fail and create nothing while the root is missing, and succeed when the root is back', async t => {
  const folder = t.testdir({ mount: {} })
  const root = join(folder, 'mount')
  const store = await openFileStore(root)
  await store.put('v2/a/1.gz', gz, meta)
  await rename(root, join(folder, 'away'))
  await t.rejects(store.put('v2/a/2.gz', gz, meta), { code: 'STORE_MISSING', retryable: true })
  t.same(await readdir(folder), ['away'])
  // A mount point without its volume is an empty folder. A put must not write into this folder either.
  await mkdir(root)
  await t.rejects(store.put('v2/a/3.gz', gz, meta), { code: 'STORE_MISSING' })
  t.same(await readdir(root), [])
  await rm(root, { recursive: true })
  await rename(join(folder, 'away'), root)
  t.equal(await store.put('v2/a/2.gz', gz, meta), 'written')
})

await t.test('opening for writing removes leftovers of dead writers, but no files of live writers', async t => {
  const root = t.testdir()
  await openFileStore(root)
  const incoming = join(root, '.incoming')
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  // The unfinished file of a large put shows how this process names such files.
  const probe = openFileStore(root).then(store => store.put('probe', Buffer.alloc(30_000_000, 1), { ...meta, contentType: 'x' }))
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

await t.test('check passes without leaving files, and fails if the root is missing', async t => {
  const root = t.testdir()
  const store = await openFileStore(join(root, 'store'))
  await store.check()
  t.strictSame(await readdir(join(root, 'store', '.incoming')), [])
  await rm(join(root, 'store'), { recursive: true })
  await t.rejects(store.check(), { code: 'STORE_MISSING' })
})

await t.test('check fails for a writer if an empty folder has replaced the store, as after an unmount', async t => {
  const root = join(t.testdir(), 'store')
  const store = await openFileStore(root)
  await rename(root, `${root}.volume`)
  await mkdir(root)
  await t.rejects(store.put('a', Buffer.from('1'), { ...meta, contentType: 'text/plain' }), { code: 'STORE_MISSING' })
  await t.rejects(store.check(), { code: 'STORE_MISSING', where: root })
  t.strictSame(await readdir(root), [], 'the check creates nothing')
})
