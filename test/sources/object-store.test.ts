import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { objectSource } from '../../src/sources/object-store.ts'
import { openStore, type ObjectStore } from '../../src/stores/index.ts'
import { contextOf, pull } from '../kafka/support.ts'

const meta = { contentType: 'text/plain', crc32c: 0, sha256: '' }

async function storeOf (root: string, keys: readonly string[]) {
  const url = pathToFileURL(root).href
  const store = await openStore(url)
  for (const key of keys) await store.put(key, Buffer.from(`of ${key}`), meta)
  return { url, store, open: async () => openStore(url, { access: 'read' }) }
}

await t.test('emits every object below the prefix in key order, then completes', async t => {
  const keys = Array.from({ length: 50 }, (_, index) => `dead-letters/t/${String(index * 7 % 50).padStart(3, '0')}`)
  const { url, open } = await storeOf(t.testdir(), [...keys, 'other/1', 'dead-letters-2/1'])
  const source = objectSource({ url, open, prefix: 'dead-letters/' })
  const context = contextOf()
  await source.open?.(context)
  const pulling = pull(source, context)
  await pulling.ended
  t.strictSame(pulling.records.map(({ value, bytes, position }) => [value.key, value.body.toString(), bytes, position]),
    keys.toSorted().map(key => [key, `of ${key}`, `of ${key}`.length, key]))
  await source.close?.()
})

await t.test('skips objects that were created or deleted after open, and keys that the filter rejects', async t => {
  const root = t.testdir()
  const { url, open, store } = await storeOf(root, ['a/1', 'a/2', 'a/3', 'a/4'])
  const keep = async (opened: ObjectStore) => {
    t.ok(await opened.get('a/4'), 'the filter can read objects of the store')
    return (key: string) => key !== 'a/4'
  }
  const source = objectSource({ url, open, prefix: 'a/', keep })
  const context = contextOf()
  await source.open?.(context)
  await store.put('a/0', Buffer.from('late'), meta)
  await rm(join(root, 'a/2'))
  const pulling = pull(source, context)
  await pulling.ended
  t.strictSame(pulling.records.map(({ value }) => value.key), ['a/1', 'a/3'])
})

await t.test('a drain ends the source, and opening fails if the store is missing', async t => {
  const { url, open } = await storeOf(t.testdir(), ['a/1', 'a/2', 'a/3'])
  const source = objectSource({ url, open, prefix: 'a/' })
  const context = contextOf()
  await source.open?.(context)
  const pulling = pull(source, context, () => { context.stop() })
  await pulling.ended
  t.equal(pulling.records.length, 1)
  const nowhere = pathToFileURL(join(t.testdirName, 'not', 'there')).href
  const missing = objectSource({ url: nowhere, open: async () => openStore(nowhere, { access: 'read' }), prefix: '' })
  await t.rejects(missing.open!(contextOf()), { code: 'STORE_MISSING' })
})
