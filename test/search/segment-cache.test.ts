import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SegmentCache, createCacheFolder } from '../../src/search/segment-cache.ts'
import { sha256 } from '../../src/stores/checksums.ts'
import { tempDir } from '../support/stack.ts'
import { never } from './support.ts'

/** A cache of segments of 100 bytes each. `missing` keys have no object. */
async function cacheOf (
  t: Test, maxBytes: number, body = (key: string) => Buffer.from(`PAR1${key.padEnd(92)}PAR1`),
  checksum?: (key: string) => string | undefined
) {
  const folder = await createCacheFolder(join(await tempDir(t), 'cache'))
  const reads: string[] = []
  const store = {
    url: 'file:///index',
    async get (key: string, admit?: (bytes: number) => void) {
      reads.push(key)
      if (key === 'missing') return undefined
      admit?.(body(key).length)
      await new Promise(setImmediate)
      return { body: body(key) }
    }
  }
  return { cache: new SegmentCache({ store, folder, maxBytes, ...checksum === undefined ? {} : { checksum } }), folder, reads }
}

const contents = (paths: readonly string[]) => Promise.all(paths.map(async path => (await readFile(path, 'utf8')).slice(4, -4).trim()))

await t.test('reads a segment once, and deletes the least recently used ones', async t => {
  const { cache, folder, reads } = await cacheOf(t, 300)
  t.strictSame(await cache.use(['a', 'b', 'c'], never, contents), ['a', 'b', 'c'])
  t.strictSame(await cache.use(['a'], never, contents), ['a'])
  t.strictSame(await cache.use(['d'], never, contents), ['d'])
  t.strictSame(reads, ['a', 'b', 'c', 'd'])
  t.equal(cache.bytes, 300)
  await cache.use(['a', 'c'], never, contents)
  t.strictSame(reads, ['a', 'b', 'c', 'd'])
  await cache.use(['b'], never, contents)
  t.strictSame(reads, ['a', 'b', 'c', 'd', 'b'], 'b was evicted, because it was used least recently')
  t.strictSame(cache.lookups, { hits: 3, misses: 5 })
  t.equal((await readdir(folder)).length, 3)
})

await t.test('never deletes a segment that a query reads', async t => {
  const { cache } = await cacheOf(t, 200)
  await cache.use(['a'], never, async paths => {
    for (const key of ['b', 'c', 'd', 'e']) await cache.use([key], never, contents)
    t.strictSame(await contents(paths), ['a'])
    await cache.use(['e', 'a'], never, async both => { t.strictSame(await contents(both), ['e', 'a']) })
    t.strictSame(await contents(paths), ['a'])
    await t.rejects(cache.use(['f', 'g'], never, contents), { code: 'SEARCH_BUSY' }, 'the other query leaves too little room')
  })
  t.strictSame(await cache.use(['f', 'g'], never, contents), ['f', 'g'])
  await t.rejects(cache.use(['h', 'i', 'j'], never, contents), { code: 'SEARCH_TOO_BROAD' })
  t.ok(cache.bytes <= 200)
})

await t.test('concurrent queries share one read, which outlives the query that began it', async t => {
  const { cache, reads } = await cacheOf(t, 1000)
  const gone = new AbortController()
  const first = cache.use(['a'], gone.signal, contents)
  const second = cache.use(['a'], never, contents)
  gone.abort(new Error('gone'))
  await t.rejects(first, { message: 'gone' })
  t.strictSame(await second, ['a'])
  t.strictSame(reads, ['a'])
})

await t.test('does not keep segments that are missing or not Parquet', async t => {
  let intact = false
  const { cache, folder } = await cacheOf(t, 1000, () => Buffer.from(intact ? 'PAR1a   PAR1' : 'PAR1 cut off'))
  await t.rejects(cache.use(['missing'], never, contents), { code: 'SEGMENT_GONE' })
  await t.rejects(cache.use(['a'], never, contents), { code: 'SEGMENT_DAMAGED', where: 'file:///index: a' })
  t.equal(cache.bytes, 0)
  t.strictSame(await readdir(folder), [])
  intact = true
  t.strictSame(await cache.use(['a'], never, contents), ['a'])
})

await t.test('reads no file whose SHA-256 is not that of its manifest', async t => {
  const body = Buffer.from('PAR1 content PAR1')
  const checksums = new Map([['right', sha256(body)], ['wrong', sha256(Buffer.from('PAR1 contens PAR1'))]])
  const { cache } = await cacheOf(t, 1000, () => body, key => checksums.get(key))
  t.strictSame(await cache.use(['right', 'unknown'], never, contents), ['content', 'content'])
  await t.rejects(cache.use(['wrong'], never, contents), {
    code: 'SEGMENT_DAMAGED', message: 'the SHA-256 of the file differs from its manifest', where: 'file:///index: wrong'
  })
})

await t.test('deletes the folders of processes that have ended', async t => {
  const parent = join(await tempDir(t), 'cache')
  for (const name of ['serve-4194304', `serve-${process.ppid}`, 'other']) await mkdir(join(parent, name), { recursive: true })
  const folder = await createCacheFolder(parent)
  t.ok(existsSync(folder))
  t.strictSame((await readdir(parent)).sort(), ['other', `serve-${process.pid}`, `serve-${process.ppid}`].sort())
})
