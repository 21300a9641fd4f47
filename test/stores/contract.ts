// Tests of the contract of object stores. contract.test.ts runs them for every kind of store.
import { gzipSync } from 'node:zlib'
import type { Test } from 'tap'
import type { AlertStreamError } from '../../src/pipeline/index.ts'
import { createArchive } from '../../src/stores/archive.ts'
import { gzipType } from '../../src/stores/gzip.ts'
import { checksumsOf, sha256 } from '../../src/stores/checksums.ts'
import { storeErrors } from '../../src/stores/errors.ts'
import { forge } from '../support/equal-crc32c.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'

interface StoreAccess {
  /** Opens the same store again, as another process would. */
  open (access?: 'read' | 'write'): Promise<ObjectStore>
  /** Writes an object without going through the store. */
  writeDirectly (key: string, body: Buffer): Promise<void>
  /** Reads the stored bytes without going through the store. */
  readDirectly (key: string): Promise<Buffer>
  /** Opens a store whose folder or bucket does not exist. */
  openMissing (): Promise<ObjectStore>
}

export interface ContractOptions {
  readonly name: string
  /** Provides an empty store. */
  setUp (t: Test): Promise<StoreAccess>
  /** Error code for a store whose folder or bucket does not exist. */
  readonly missingCode: string
  /** Number of objects in the listing test. One store of each kind has more than the page size of buckets, 1000. */
  readonly listed: number
}

export const frame = Buffer.alloc(40_000, 'an alert ')
export const meta = { contentType: gzipType, ...checksumsOf(frame) }
export const gz = gzipSync(frame)

const json = { contentType: 'application/json', crc32c: 1, sha256: 'of other bytes' }

export async function collect (keys: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const key of keys) all.push(key)
  return all
}

/** Sorted by the UTF-8 bytes. */
function inOrder (keys: readonly string[]): string[] {
  return keys.map(key => Buffer.from(key)).sort(Buffer.compare).map(String)
}

export async function contract (root: Test, { name, setUp, missingCode, listed }: ContractOptions): Promise<void> {
  const test = async (title: string, body: (t: Test) => Promise<void>): Promise<void> => { await root.test(`${name}: ${title}`, body) }

  await test('returns the bytes that were put, under keys of both layouts', async t => {
    const access = await setUp(t)
    const store = await access.open()
    const reader = await access.open('read')
    const keys = ['v2/alerts/123456/1234567.avro.gz', '/alert_archive/v1/alerts/1234567.avro.gz']
    for (const key of keys) {
      for (const each of [store, reader]) t.equal(await each.get(key), undefined)
      t.equal(await store.put(key, gz, meta), 'written')
      for (const each of [store, reader]) t.ok((await each.get(key))?.body.equals(gz))
      t.ok((await access.readDirectly(key)).equals(gz), 'the stored bytes are unchanged')
    }
    t.same(await collect(store.list('v2/')), ['v2/alerts/123456/1234567.avro.gz'])
    t.same(await collect(reader.list('/alert_archive/')), ['/alert_archive/v1/alerts/1234567.avro.gz'])
    t.equal(await store.get('v2/alerts'), undefined, 'a folder is not an object')
  })

  await test('asks the caller to admit the size of an object before reading it, and rejects with the caller\'s error', async t => {
    const access = await setUp(t)
    const store = await access.open()
    const sizes: number[] = []
    await store.get('v2/none.gz', bytes => { sizes.push(bytes) })
    t.strictSame(sizes, [])
    await store.put('v2/a.gz', gz, meta)
    t.ok((await store.get('v2/a.gz', bytes => { sizes.push(bytes) }))?.body.equals(gz))
    t.strictSame(sizes, [gz.length])
    const refusal = storeErrors.OBJECT_TOO_LARGE('too large')
    await t.rejects(store.get('v2/a.gz', () => { throw refusal }), { code: 'OBJECT_TOO_LARGE', message: 'too large' })
    t.ok((await store.get('v2/a.gz'))?.body.equals(gz), 'the store can still be read')
  })

  await test('reports the same content, compressed at any level, as identical and keeps the existing object', async t => {
    const store = await (await setUp(t)).open()
    const recompressed = gzipSync(frame, { level: 1 })
    t.notOk(recompressed.equals(gz))
    t.equal(await store.put('a.gz', gz, meta), 'written')
    t.equal(await store.put('a.gz', gz, meta), 'identical')
    t.equal(await store.put('a.gz', recompressed, meta), 'identical')
    t.ok((await store.get('a.gz'))?.body.equals(gz))
  })

  await test('rejects different content as a conflict with key and both checksums, and overwrites nothing', async t => {
    const store = await (await setUp(t)).open()
    await store.put('v2/a.gz', gz, meta)
    const other = Buffer.from('another alert')
    await t.rejects(store.put('v2/a.gz', gzipSync(other), { ...meta, ...checksumsOf(other) }), {
      code: 'ARCHIVE_CONFLICT', retryable: false, fatal: false, where: /v2\/a\.gz$/,
      message: new RegExp(`${meta.sha256}.*${sha256(other)}`)
    })
    const wrongCrc = { ...meta, ...checksumsOf(other), crc32c: meta.crc32c }
    await t.rejects(store.put('v2/a.gz', gzipSync(other), wrongCrc), { code: 'ARCHIVE_CONFLICT' }, 'a wrong checksum hides no conflict')
    t.ok((await store.get('v2/a.gz'))?.body.equals(gz))
  })

  await test('rejects different content with the same CRC32C as a conflict, whether or not the object has metadata', async t => {
    const access = await setUp(t)
    const store = await access.open()
    const forged = forge(Buffer.alloc(frame.length, 'forged '), frame)
    t.equal(checksumsOf(forged).crc32c, meta.crc32c)
    await store.put('own.gz', gz, meta)
    await access.writeDirectly('older.gz', gz)
    for (const key of ['own.gz', 'older.gz']) {
      for (const call of ['put', 'compare'] as const) {
        await t.rejects(store[call](key, gzipSync(forged), { ...meta, ...checksumsOf(forged) }), {
          code: 'ARCHIVE_CONFLICT', message: new RegExp(`${meta.sha256}.*${sha256(forged)}`)
        })
      }
      t.ok((await store.get(key))?.body.equals(gz))
      t.equal(await store.put(key, gzipSync(frame, { level: 1 }), meta), 'identical')
    }
  })

  await test('compares an object without writing it', async t => {
    const access = await setUp(t)
    const store = await access.open()
    t.equal(await store.compare('a/b.gz', gz, meta), 'absent')
    t.same(await collect(store.list('')), [], 'a comparison writes nothing')
    await store.put('a/b.gz', gz, meta)
    t.equal(await store.compare('a/b.gz', gzipSync(frame, { level: 1 }), meta), 'identical')
    const other = Buffer.from('another alert')
    await t.rejects(store.compare('a/b.gz', gzipSync(other), { ...meta, ...checksumsOf(other) }), { code: 'ARCHIVE_CONFLICT' })
    await t.rejects((await access.open('read')).compare('a/b.gz', gz, meta), { code: 'STORE_READ_ONLY' })
    await t.rejects(store.compare('../b.gz', gz, meta), { code: 'STORE_KEY_INVALID' })
  })

  await test('rejects a put onto an unreadable object as a conflict and does not overwrite it', async t => {
    const access = await setUp(t)
    await access.writeDirectly('a.gz', Buffer.from('half'))
    const store = await access.open()
    await t.rejects(store.put('a.gz', gz, meta), { code: 'ARCHIVE_CONFLICT', cause: { code: 'OBJECT_CORRUPT' } })
    t.equal((await store.get('a.gz'))?.body.toString(), 'half')
  })

  await test('compares plain objects byte by byte unless the caller provides a comparison', async t => {
    const store = await (await setUp(t)).open()
    t.equal(await store.put('s', Buffer.from('{}'), json), 'written')
    t.equal(await store.put('s', Buffer.from('{}'), json), 'identical')
    await t.rejects(store.put('s', Buffer.from('{ }'), json), { code: 'ARCHIVE_CONFLICT' })
    t.equal(await store.put('s', Buffer.from('{ }'), { ...json, same: async () => true }), 'identical')
    await t.rejects(store.put('s', Buffer.from('{ }'), { ...json, same: () => false }), { code: 'ARCHIVE_CONFLICT' })
  })

  await test('writes exactly one of several concurrent puts of a key, within a store and across stores', async t => {
    const access = await setUp(t)
    const stores = [await access.open(), await access.open()]
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) =>
      stores[i % 2]!.put('v2/one.gz', gzipSync(frame, { level: 1 + i % 9 }), meta)))
    t.equal(outcomes.filter(outcome => outcome === 'written').length, 1)
    t.equal(outcomes.filter(outcome => outcome === 'identical').length, 19)
    const different = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => {
      const body = Buffer.from(`content ${i}`)
      return stores[i % 2]!.put('v2/two.gz', gzipSync(body), { ...meta, ...checksumsOf(body) })
    }))
    t.equal(different.filter(({ status }) => status === 'fulfilled').length, 1)
    t.match(different.filter(({ status }) => status === 'rejected'), Array(19).fill({ reason: { code: 'ARCHIVE_CONFLICT' } }))
  })

  await test('stores and lists many objects put concurrently', async t => {
    const store = await (await setUp(t)).open()
    const keys = Array.from({ length: listed }, (_, i) => `v2/alerts/${i % 7}/${i}.avro.gz`)
    const left = [...keys]
    const outcomes = new Map<string, number>()
    await Promise.all(Array.from({ length: 50 }, async () => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) {
        const outcome = await store.put(key, Buffer.from(key), json)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    }))
    t.strictSame([...outcomes], [['written', listed]])
    t.strictSame(await collect(store.list('')), inOrder(keys))
    t.strictSame(await collect(store.list('v2/alerts/3/')), inOrder(keys).filter(key => key.startsWith('v2/alerts/3/')))
    const [from, before] = ['v2/alerts/1/9', 'v2/alerts/5']
    const between = inOrder(keys).filter(key => key >= from && key < before)
    t.ok(between.length > listed / 3)
    t.strictSame(await collect(store.list('v2/', { from, before })), between, 'a range of several pages and folders')
  })

  if (listed > 1000) {
    await test('an uncompressed alert is compared at a write, also behind 1,000 other objects of its folder', async t => {
      const access = await setUp(t)
      const before = Array.from({ length: 1000 }, (_, n) => `v2/alerts/170055/${170055000000000000n + BigInt(n)}.avro.gz`)
      const left = [...before]
      await Promise.all(Array.from({ length: 20 }, async () => {
        for (let key = left.pop(); key !== undefined; key = left.pop()) await access.writeDirectly(key, Buffer.from('x'))
      }))
      const [same, different, inNewBlock] = ['170055999900000001', '170055999900000002', '170055999800000001'] as const
      for (const id of [same, different]) await access.writeDirectly(`v2/alerts/170055/${id}.avro`, frame)
      const store = await access.open()
      const compared: string[] = []
      const alerts: ObjectStore = {
        url: store.url, put: store.put.bind(store), get: store.get.bind(store), getStart: store.getStart.bind(store),
        list: store.list.bind(store), check: store.check.bind(store), close: store.close.bind(store),
        async compare (key, body, meta) {
          compared.push(key)
          return await store.compare(key, body, meta)
        }
      }
      const archive = createArchive({ alerts, schemas: store, layout: 'v2' })
      const other = Buffer.from('another alert')
      t.equal(await archive.putAlert(same, gz, checksumsOf(frame)), 'identical')
      await t.rejects(archive.putAlert(different, gzipSync(other), checksumsOf(other)), { code: 'ARCHIVE_CONFLICT' })
      t.equal(await archive.putAlert(inNewBlock, gz, checksumsOf(frame)), 'written')
      t.equal(compared.includes(`v2/alerts/170055/${inNewBlock}.avro`), name === 'file', 'a bucket costs no request for the others')
      t.strictSame((await collect(store.list('v2/alerts/170055/17005599'))).toSorted(), [
        `v2/alerts/170055/${inNewBlock}.avro.gz`, `v2/alerts/170055/${same}.avro`, `v2/alerts/170055/${different}.avro`
      ])
    })
  }

  await test('lists by prefix, not by folder, and keeps the leading slash of v1', async t => {
    const access = await setUp(t)
    const short = 'v2/alerts/12/12.avro.gz'
    const [first, second] = ['v2/alerts/123456/1234567.avro.gz', 'v2/alerts/123456/1234568.avro.gz'] as const
    for (const key of [first, second, short, 'v2/schemas/1.json', '/alert_archive/v1/alerts/5.avro.gz']) {
      await access.writeDirectly(key, Buffer.from(key))
    }
    const store = await access.open('read')
    t.equal((await collect(store.list(''))).length, 5)
    t.same(await collect(store.list('v2/alerts/1')), [short, first, second])
    t.same(await collect(store.list('v2/alerts/12/')), [short])
    t.same(await collect(store.list('v2/alerts/123456/12345671')), [])
    t.same(await collect(store.list('/alert_archive/v1/')), ['/alert_archive/v1/alerts/5.avro.gz'])
    t.same(await collect(store.list('v3/alerts/')), [])
    t.same(await collect(store.list('.inc')), [])
    t.same(await collect(store.list('v2/alerts/1', { limit: 2 })), [short, first])
    t.equal((await collect(store.list('', { limit: 1 }))).length, 1)
    t.equal((await collect(store.list('v2/', { limit: 9 }))).length, 4)
    t.same(await collect(store.list('v2/', { limit: 0 })), [])
  })

  await test('lists keys in ascending order of their UTF-8 bytes, and any range of them', async t => {
    const access = await setUp(t)
    const keys = inOrder([
      'b/a.x', 'b/a-/z', 'b/a0', 'b/a/a', 'b/a/b/c', 'b/a/b.c', 'b/a/b0', 'b/a!/1', 'b/A', 'b/~', 'b/\u00e9', 'b/\uff5e',
      'b/\u{1f600}/x', 'b/\u{1f600}x', 'a', 'b.c', 'c/1', 'c/10', 'c/2'
    ])
    for (const key of keys) await access.writeDirectly(key, Buffer.from(key))
    const store = await access.open('read')
    t.strictSame(await collect(store.list('')), keys)
    // Bounds that are keys, that lie between keys, and that are folders or beginnings of keys.
    const bounds = [...keys, ...keys.map(key => `${key}!`), ...keys.map(key => key.slice(0, -1)), 'b/a/', 'b/a/b/', 'b/b', 'zz', '!']
    const bytes = (key: string): Buffer => Buffer.from(key)
    const wrong: unknown[] = []
    for (const [i, from] of bounds.entries()) {
      const before = bounds[(i * 7 + 3) % bounds.length]!
      for (const range of [{ from }, { before }, { from, before }, { from, limit: 2 }]) {
        const expected = keys
          .filter(key => !('from' in range) || Buffer.compare(bytes(key), bytes(from)) >= 0)
          .filter(key => !('before' in range) || Buffer.compare(bytes(key), bytes(before)) < 0)
          .slice(0, 'limit' in range ? range.limit : keys.length)
        const found = await collect(store.list('', range))
        if (found.join('\n') !== expected.join('\n')) wrong.push({ range, found, expected })
      }
    }
    t.strictSame(wrong, [])
    t.strictSame(await collect(store.list('b/a', { from: 'b/a/b', before: 'b/a0' })), ['b/a/b.c', 'b/a/b/c', 'b/a/b0'])
    t.strictSame(await collect(store.list('b/a/', { from: 'c' })), [], 'a range beyond the prefix')
    const v1 = '/alert_archive/v1/alerts/'
    for (const id of ['1', '2', '3']) await access.writeDirectly(`${v1}${id}.avro.gz`, Buffer.from(id))
    t.strictSame(await collect(store.list(v1, { from: `${v1}2`, before: `${v1}3` })), [`${v1}2.avro.gz`])
  })

  await test('reads the start of an object with its size and its checksums', async t => {
    const access = await setUp(t)
    const store = await access.open()
    t.equal(await store.getStart('a.gz', 10), undefined)
    await store.put('a.gz', gz, meta)
    await store.put('empty', Buffer.alloc(0), json)
    await access.writeDirectly('plain', Buffer.from('of another program'))
    for (const each of [store, await access.open('read')]) {
      const { body: _, ...checksums } = (await each.get('a.gz'))!
      for (const bytes of [1, 10, gz.length - 1, gz.length, gz.length + 1]) {
        const { start, ...rest } = (await each.getStart('a.gz', bytes))!
        t.ok(start.equals(gz.subarray(0, bytes)), `${bytes} bytes`)
        t.strictSame(rest, { size: gz.length, ...checksums })
      }
      t.match(await each.getStart('plain', 2), { start: Buffer.from('of'), size: 18 })
      t.equal(await each.getStart('none', 1), undefined)
      await t.rejects(each.getStart('../a', 1), { code: 'STORE_KEY_INVALID' })
    }
    await t.rejects((await access.openMissing()).getStart('a.gz', 1), { code: missingCode })
    // Last, because the Google emulator closes the connection after its 416 response.
    t.match(await store.getStart('empty', 5), { start: Buffer.alloc(0), size: 0 })
  })

  await test('returns empty, large and unusual objects byte for byte, also under unusual keys', async t => {
    const store = await (await setUp(t)).open()
    const bodies: readonly (readonly [string, Buffer])[] = [
      ['empty', Buffer.alloc(0)],
      ['large', Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i * 31 % 251))],
      ['boundary', Buffer.from('\r\n--boundary--\r\n\0\xff', 'latin1')],
      ['a b/\u00e9\u65e5\u672c+%2F?#&=:@$!(){}[]*\'",;~.json', Buffer.from('unusual')],
      ['..hidden/.dot/...', Buffer.from('dots')],
      [`${'d'.repeat(255)}/${'n'.repeat(255)}`, Buffer.from('long')]
    ]
    for (const [key, body] of bodies) t.equal(await store.put(key, body, json), 'written', key.slice(0, 30))
    for (const [key, body] of bodies) t.ok((await store.get(key))?.body.equals(body), key.slice(0, 30))
    t.strictSame(await collect(store.list('')), inOrder(bodies.map(([key]) => key)))
  })

  await test('rejects keys that leave the store or reach unfinished objects', async t => {
    const store = await (await setUp(t)).open()
    const invalid = [
      '../outside', 'a/../../outside', '/../outside', '..', '.', '', '/', 'a//b', 'a/', '//a', 'a/./b', 'a\0b', 'a\\b', 'a\nb', 'a\rb',
      '.incoming/x', '/.incoming/x', 'x'.repeat(256)
    ]
    for (const key of invalid) {
      await t.rejects(store.get(key), { code: 'STORE_KEY_INVALID', retryable: false, fatal: false }, JSON.stringify(key))
      await t.rejects(store.put(key, gz, meta), { code: 'STORE_KEY_INVALID' })
    }
    await t.rejects(collect(store.list('../')), { code: 'STORE_KEY_INVALID' })
    await t.rejects(collect(store.list('.incoming/')), { code: 'STORE_KEY_INVALID' })
    t.equal(await store.get(Array(5).fill('x'.repeat(250)).join('/').slice(0, 900)), undefined, 'a long key is valid')
    t.same(await collect(store.list('')), [])
  })

  await test('rejects every put if opened for reading, with an error that is retryable or fatal', async t => {
    const access = await setUp(t)
    await access.open()
    const reader = await access.open('read')
    const error = await reader.put('a.gz', gz, meta).then(() => undefined, (reason: unknown) => reason as AlertStreamError)
    t.equal(error?.code, 'STORE_READ_ONLY')
    t.ok(error?.retryable === true || error?.fatal === true)
    t.equal(await reader.get('a.gz'), undefined)
  })

  await test('close waits for puts in flight, and later puts are rejected', async t => {
    const access = await setUp(t)
    const store = await access.open()
    const puts = Array.from({ length: 20 }, (_, i) => store.put(`${i}.gz`, gz, meta))
    let ended = 0
    for (const put of puts) put.then(() => { ended++ }, () => {})
    await store.close()
    t.equal(ended, 20)
    await t.rejects(store.put('late.gz', gz, meta), { code: 'STORE_CLOSED' })
    t.equal((await collect((await access.open('read')).list(''))).length, 20)
    await store.close()
  })

  await test('the check of a usable store passes; check, get and list of a missing store reject', async t => {
    const access = await setUp(t)
    for (const mode of ['read', 'write'] as const) await (await access.open(mode)).check()
    const missing = await access.openMissing()
    await t.rejects(missing.check(), { code: missingCode })
    await t.rejects(missing.get('a.gz'), { code: missingCode })
    await t.rejects(collect(missing.list('')), { code: missingCode })
  })
}
