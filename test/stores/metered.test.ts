import { join } from 'node:path'
import t from 'tap'
import { metered, openFileStore, storeErrors, StoreStats, type ObjectStore } from '../../src/stores/index.ts'
import { tempDir } from '../support/stack.ts'

const meta = { contentType: 'text/plain', crc32c: 0 }
const told = (figures: StoreStats) => Object.fromEntries(figures.read().map(({ store, operation, outcome, histogram }) => [`${store} ${operation} ${outcome}`, histogram.count]))

await t.test('puts and gets are counted by how they end, and give what the store gives', async t => {
  const figures = new StoreStats()
  const store = metered(await openFileStore(join(await tempDir(t), 'store')), 'alerts', figures)
  t.equal(await store.put('a', Buffer.from('1'), meta), 'written')
  t.equal(await store.put('a', Buffer.from('1'), meta), 'identical')
  await t.rejects(store.put('a', Buffer.from('2'), meta), { code: 'ARCHIVE_CONFLICT' })
  t.equal((await store.get('a'))?.body.toString(), '1')
  t.equal(await store.get('b'), undefined)
  await t.rejects(store.get('../x'), { code: 'STORE_KEY_INVALID' })
  t.ok(await store.exists('a'))
  const keys: string[] = []
  for await (const key of store.list('')) keys.push(key)
  t.strictSame(keys, ['a'])
  await store.check()
  await store.close()
  await t.rejects(store.put('c', Buffer.from('1'), meta), { code: 'STORE_CLOSED' })
  t.strictSame(told(figures), {
    'alerts put written': 1, 'alerts put identical': 1, 'alerts put conflict': 1, 'alerts put failed': 1,
    'alerts get found': 1, 'alerts get absent': 1, 'alerts get failed': 1
  })
})

await t.test('it is the store that it wraps: URL, and failures as they are', async t => {
  const error = storeErrors.STORE_FULL('full')
  const inner = { url: 'file:///x', put: async () => { throw error }, check: async () => { throw error } } as unknown as ObjectStore
  const store = metered(inner, 'schemas', new StoreStats())
  t.equal(store.url, 'file:///x')
  await t.rejects(store.put('a', Buffer.alloc(0), meta), error)
  await t.rejects(store.check(), error)
})

await t.test('two names over one store are told apart', async t => {
  const figures = new StoreStats()
  const store = await openFileStore(join(await tempDir(t), 'store'))
  await metered(store, 'alerts', figures).get('x')
  await metered(store, 'schemas', figures).get('x')
  t.strictSame(told(figures), { 'alerts get absent': 1, 'schemas get absent': 1 })
})
