// What every kind of store promises, as tests: the same for a folder of files and for a bucket.
import { gzipSync } from 'node:zlib'
import type { Test } from 'tap'
import { crc32c, gzipType, hex32, type ObjectStore } from '../../src/stores/index.ts'

export interface Place {
  /** Another opening of the same store, as another process has it. */
  open (access?: 'read' | 'write'): Promise<ObjectStore>
  /** Puts bytes there behind the store's back. */
  plant (key: string, body: Buffer): Promise<void>
  /** The bytes under a key, read behind the store's back. */
  raw (key: string): Promise<Buffer>
  /** A store that is not there. */
  openMissing (): Promise<ObjectStore>
}

export interface Contract {
  readonly name: string
  /** An empty store of the test's own. */
  place (t: Test): Promise<Place>
  /** Code of what a store that is not there says. */
  readonly missing: string
  /** Objects for a listing of more than one page. */
  readonly many: number
}

export const frame = Buffer.alloc(40_000, 'an alert ')
export const meta = { contentType: gzipType, crc32c: crc32c(frame) }
export const gz = gzipSync(frame)

const json = { contentType: 'application/json', crc32c: 1 }

export async function collect (keys: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const key of keys) all.push(key)
  return all.sort()
}

export async function contract (root: Test, { name, place, missing, many }: Contract): Promise<void> {
  const test = async (title: string, body: (t: Test) => Promise<void>): Promise<void> => { await root.test(`${name}: ${title}`, body) }

  await test('what was put is read back, under keys of both layouts', async t => {
    const at = await place(t)
    const store = await at.open()
    const reader = await at.open('read')
    const keys = ['v2/alerts/123456/1234567.avro.gz', '/alert_archive/v1/alerts/1234567.avro.gz']
    for (const key of keys) {
      for (const each of [store, reader]) t.strictSame([await each.exists(key), await each.get(key)], [false, undefined])
      t.equal(await store.put(key, gz, meta), 'written')
      for (const each of [store, reader]) {
        t.equal(await each.exists(key), true)
        t.ok((await each.get(key))?.body.equals(gz))
      }
      t.ok((await at.raw(key)).equals(gz), 'the very bytes are there')
    }
    t.same(await collect(store.list('v2/')), ['v2/alerts/123456/1234567.avro.gz'])
    t.same(await collect(reader.list('/alert_archive/')), ['/alert_archive/v1/alerts/1234567.avro.gz'])
    t.equal(await store.get('v2/alerts'), undefined, 'a folder is not an object')
    t.equal(await store.exists('v2/alerts'), false)
  })

  await test('the same content again is identical, whatever compressed it, and the first stays', async t => {
    const store = await (await place(t)).open()
    const otherwise = gzipSync(frame, { level: 1 })
    t.notOk(otherwise.equals(gz))
    t.equal(await store.put('a.gz', gz, meta), 'written')
    t.equal(await store.put('a.gz', gz, meta), 'identical')
    t.equal(await store.put('a.gz', otherwise, meta), 'identical')
    t.ok((await store.get('a.gz'))?.body.equals(gz))
  })

  await test('other content is a conflict that names the key and both checksums, and overwrites nothing', async t => {
    const store = await (await place(t)).open()
    await store.put('v2/a.gz', gz, meta)
    const other = Buffer.from('another alert')
    const conflict = store.put('v2/a.gz', gzipSync(other), { ...meta, crc32c: crc32c(other) })
    await t.rejects(conflict, {
      code: 'ARCHIVE_CONFLICT', retryable: false, fatal: false, where: /v2\/a\.gz$/, message: new RegExp(`${hex32(meta.crc32c)}.*${hex32(crc32c(other))}`)
    })
    await t.rejects(store.put('v2/a.gz', gzipSync(other), meta), { code: 'ARCHIVE_CONFLICT' }, 'also where the checksum is a lie')
    t.ok((await store.get('v2/a.gz'))?.body.equals(gz))
  })

  await test('an unreadable object in the way is a conflict, not overwritten', async t => {
    const at = await place(t)
    await at.plant('a.gz', Buffer.from('half'))
    const store = await at.open()
    await t.rejects(store.put('a.gz', gz, meta), { code: 'ARCHIVE_CONFLICT', cause: { code: 'OBJECT_CORRUPT' } })
    t.equal((await store.get('a.gz'))?.body.toString(), 'half')
  })

  await test('plain objects are compared byte by byte unless the caller knows better', async t => {
    const store = await (await place(t)).open()
    t.equal(await store.put('s', Buffer.from('{}'), json), 'written')
    t.equal(await store.put('s', Buffer.from('{}'), json), 'identical')
    await t.rejects(store.put('s', Buffer.from('{ }'), json), { code: 'ARCHIVE_CONFLICT' })
    t.equal(await store.put('s', Buffer.from('{ }'), { ...json, same: async () => true }), 'identical')
    await t.rejects(store.put('s', Buffer.from('{ }'), { ...json, same: () => false }), { code: 'ARCHIVE_CONFLICT' })
  })

  await test('of concurrent puts of one key exactly one is written, in one store and across stores', async t => {
    const at = await place(t)
    const stores = [await at.open(), await at.open()]
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) => stores[i % 2]!.put('v2/one.gz', gzipSync(frame, { level: 1 + i % 9 }), meta)))
    t.equal(outcomes.filter(outcome => outcome === 'written').length, 1)
    t.equal(outcomes.filter(outcome => outcome === 'identical').length, 19)
    const contents = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => {
      const body = Buffer.from(`content ${i}`)
      return stores[i % 2]!.put('v2/two.gz', gzipSync(body), { ...meta, crc32c: crc32c(body) })
    }))
    t.equal(contents.filter(({ status }) => status === 'fulfilled').length, 1)
    t.match(contents.filter(({ status }) => status === 'rejected'), Array(19).fill({ reason: { code: 'ARCHIVE_CONFLICT' } }))
  })

  await test('many objects put at once are all there, and all listed', async t => {
    const store = await (await place(t)).open()
    const keys = Array.from({ length: many }, (_, i) => `v2/alerts/${i % 7}/${i}.avro.gz`)
    const left = [...keys]
    const outcomes = new Map<string, number>()
    await Promise.all(Array.from({ length: 50 }, async () => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) {
        const outcome = await store.put(key, Buffer.from(key), json)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    }))
    t.strictSame([...outcomes], [['written', many]])
    t.strictSame(await collect(store.list('')), keys.sort())
    t.strictSame(await collect(store.list('v2/alerts/3/')), keys.filter(key => key.startsWith('v2/alerts/3/')))
  })

  await test('listings go by prefix, not by folder, and keep the leading slash of v1', async t => {
    const at = await place(t)
    for (const key of ['v2/alerts/123456/1234567.avro.gz', 'v2/alerts/123456/1234568.avro.gz', 'v2/alerts/12/12.avro.gz', 'v2/schemas/1.json', '/alert_archive/v1/alerts/5.avro.gz']) {
      await at.plant(key, Buffer.from(key))
    }
    const store = await at.open('read')
    t.equal((await collect(store.list(''))).length, 5)
    t.same(await collect(store.list('v2/alerts/1')), ['v2/alerts/12/12.avro.gz', 'v2/alerts/123456/1234567.avro.gz', 'v2/alerts/123456/1234568.avro.gz'])
    t.same(await collect(store.list('v2/alerts/12/')), ['v2/alerts/12/12.avro.gz'])
    t.same(await collect(store.list('v2/alerts/123456/12345671')), [])
    t.same(await collect(store.list('/alert_archive/v1/')), ['/alert_archive/v1/alerts/5.avro.gz'])
    t.same(await collect(store.list('v3/alerts/')), [])
    t.same(await collect(store.list('.inc')), [])
  })

  await test('empty, large and odd objects come back byte for byte, from odd keys too', async t => {
    const at = await place(t)
    const store = await at.open()
    const bodies: readonly (readonly [string, Buffer])[] = [
      ['empty', Buffer.alloc(0)],
      ['large', Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i * 31 % 251))],
      ['boundary', Buffer.from('\r\n--boundary--\r\n\0\xff', 'latin1')],
      ['a b/\u00e9\u65e5\u672c+%2F?#&=:@$!(){}[]*\'",;~.json', Buffer.from('odd')],
      ['..hidden/.dot/...', Buffer.from('dots')],
      [`${'d'.repeat(255)}/${'n'.repeat(255)}`, Buffer.from('long')]
    ]
    for (const [key, body] of bodies) t.equal(await store.put(key, body, json), 'written', key.slice(0, 30))
    for (const [key, body] of bodies) t.ok((await store.get(key))?.body.equals(body), key.slice(0, 30))
    t.strictSame(await collect(store.list('')), bodies.map(([key]) => key).sort())
  })

  await test('no key leaves the store or reaches unfinished objects', async t => {
    const store = await (await place(t)).open()
    const long = Array(5).fill('x'.repeat(250)).join('/')
    for (const key of ['../outside', 'a/../../outside', '/../outside', '..', '.', '', '/', 'a//b', 'a/', '//a', 'a/./b', 'a\0b', 'a\\b', 'a\nb', 'a\rb', '.incoming/x', '/.incoming/x', 'x'.repeat(256)]) {
      await t.rejects(store.get(key), { code: 'STORE_KEY_INVALID', retryable: false, fatal: false }, JSON.stringify(key))
      await t.rejects(store.put(key, gz, meta), { code: 'STORE_KEY_INVALID' })
      await t.rejects(store.exists(key), { code: 'STORE_KEY_INVALID' })
    }
    await t.rejects(collect(store.list('../')), { code: 'STORE_KEY_INVALID' })
    await t.rejects(collect(store.list('.incoming/')), { code: 'STORE_KEY_INVALID' })
    t.equal(await store.get(long.slice(0, 900)), undefined)
    t.same(await collect(store.list('')), [])
  })

  await test('a store that is opened for reading refuses every put, as a fault of nobody\'s alert', async t => {
    const at = await place(t)
    const store = await at.open('read')
    const refused = await store.put('a.gz', gz, meta).then(() => undefined, (error: unknown) => error as { code: string, retryable: boolean, fatal: boolean })
    t.equal(refused?.code, 'STORE_READ_ONLY')
    t.ok(refused?.retryable === true || refused?.fatal === true)
    t.equal(await store.exists('a.gz'), false)
  })

  await test('close waits for the puts under way and refuses more', async t => {
    const at = await place(t)
    const store = await at.open()
    const puts = Array.from({ length: 20 }, (_, i) => store.put(`${i}.gz`, gz, meta))
    let ended = 0
    for (const put of puts) put.then(() => { ended++ }, () => {})
    await store.close()
    t.equal(ended, 20)
    await t.rejects(store.put('late.gz', gz, meta), { code: 'STORE_CLOSED' })
    t.equal((await collect((await at.open('read')).list(''))).length, 20)
    await store.close()
  })

  await test('a store that can be used says so; one that is not there is never taken for an empty one', async t => {
    const at = await place(t)
    for (const access of ['read', 'write'] as const) await (await at.open(access)).check()
    const store = await at.openMissing()
    await t.rejects(store.check(), { code: missing })
    await t.rejects(store.get('a.gz'), { code: missing })
    await t.rejects(store.exists('a.gz'), { code: missing })
    await t.rejects(collect(store.list('')), { code: missing })
  })
}
