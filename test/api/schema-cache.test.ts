import t from 'tap'
import { SchemaCache } from '../../src/api/schema-cache.ts'

await t.test('concurrent and later requests for a schema share one read of the archive', async t => {
  let reads = 0
  const cache = new SchemaCache({ getSchema: async id => { reads++; return id === 1 ? '"long"' : undefined } }, 10)
  const all = await Promise.all([cache.get(1), cache.get(1), cache.get(1)])
  for (const schema of all) t.equal(schema?.body.toString(), '"long"')
  await cache.get(1)
  t.equal(reads, 1)
  t.same(await Promise.all([cache.get(2), cache.get(2)]), [undefined, undefined])
  t.equal(reads, 2)
  t.equal(await cache.get(2), undefined)
  t.equal(reads, 3, 'a missing schema is not cached: it may be archived a moment later, or the archive may be away')
  t.same(cache.lookups, { hits: 1, misses: 6 }, 'a lookup that joins a read in progress counts as a miss')
})

await t.test('a failed read rejects all waiting requests and is not cached', async t => {
  let reads = 0
  const cache = new SchemaCache({ getSchema: async () => { if (reads++ === 0) throw new Error('store'); return '{}' } }, 10)
  const all = await Promise.allSettled([cache.get(1), cache.get(1)])
  t.same(all.map(({ status }) => status), ['rejected', 'rejected'])
  t.equal((await cache.get(1))?.body.toString(), '{}')
})

await t.test('keeps at most `max` schemas', async t => {
  let reads = 0
  const cache = new SchemaCache({ getSchema: async () => { reads++; return '{}' } }, 2)
  for (const id of [1, 2, 3, 1]) await cache.get(id)
  t.equal(reads, 4)
})
