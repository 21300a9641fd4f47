import { join } from 'node:path'
import t from 'tap'
import { storeErrors } from '../../src/stores/errors.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { metered, StoreStats } from '../../src/stores/metered-store.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { tempDir } from '../support/stack.ts'
import { collect } from './contract.ts'

const meta = { contentType: 'text/plain', crc32c: 0, sha256: '' }
const countsIn = (stats: StoreStats) => Object.fromEntries(
  stats.read().map(({ store, operation, outcome, histogram }) => [`${store} ${operation} ${outcome}`, histogram.count])
)

await t.test('counts puts and gets by outcome and returns what the store returns', async t => {
  const stats = new StoreStats()
  const store = metered(await openFileStore(join(await tempDir(t), 'store')), 'alerts', stats)
  t.equal(await store.put('a', Buffer.from('1'), meta), 'written')
  t.equal(await store.put('a', Buffer.from('1'), meta), 'identical')
  await t.rejects(store.put('a', Buffer.from('2'), meta), { code: 'ARCHIVE_CONFLICT' })
  t.equal((await store.get('a'))?.body.toString(), '1')
  t.equal(await store.get('b'), undefined)
  t.equal(await store.compare('a', Buffer.from('1'), meta), 'identical')
  t.equal(await store.compare('b', Buffer.from('1'), meta), 'absent')
  await t.rejects(store.compare('a', Buffer.from('2'), meta), { code: 'ARCHIVE_CONFLICT' })
  await t.rejects(store.get('../x'), { code: 'STORE_KEY_INVALID' })
  t.strictSame(await collect(store.list('')), ['a'])
  await store.check()
  await store.close()
  await t.rejects(store.put('c', Buffer.from('1'), meta), { code: 'STORE_CLOSED' })
  t.strictSame(countsIn(stats), {
    'alerts put written': 1, 'alerts put identical': 1, 'alerts put conflict': 1, 'alerts put failed': 1,
    'alerts get found': 1, 'alerts get absent': 2, 'alerts get identical': 1, 'alerts get conflict': 1, 'alerts get failed': 1
  })
})

await t.test('keeps the URL of the store and passes its errors through', async t => {
  const error = storeErrors.STORE_FULL('full')
  const inner = { url: 'file:///x', put: async () => { throw error }, check: async () => { throw error } } as unknown as ObjectStore
  const store = metered(inner, 'schemas', new StoreStats())
  t.equal(store.url, 'file:///x')
  await t.rejects(store.put('a', Buffer.alloc(0), meta), error)
  await t.rejects(store.check(), error)
})

await t.test('counts operations separately for each name of the same store', async t => {
  const stats = new StoreStats()
  const store = await openFileStore(join(await tempDir(t), 'store'))
  await metered(store, 'alerts', stats).get('x')
  await metered(store, 'schemas', stats).get('x')
  t.strictSame(countsIn(stats), { 'alerts get absent': 1, 'schemas get absent': 1 })
})
