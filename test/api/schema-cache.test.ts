import t from 'tap'
import { SchemaCache } from '../../src/api/schema-cache.ts'

await t.test('concurrent requests load a schema once, and later ones not at all', async t => {
  let loads = 0
  const cache = new SchemaCache({ getSchema: async id => { loads++; return id === 1 ? '"long"' : undefined } }, 10)
  const all = await Promise.all([cache.get(1), cache.get(1), cache.get(1)])
  for (const schema of all) t.equal(schema?.body.toString(), '"long"')
  await cache.get(1)
  t.equal(loads, 1)
  t.same(await Promise.all([cache.get(2), cache.get(2)]), [undefined, undefined])
  t.equal(await cache.get(2), undefined)
  t.equal(loads, 2, 'that there is none is remembered for a moment')
  t.same(cache.lookups, { hits: 2, misses: 5 }, 'who waits for a load has not found it in memory')
})

await t.test('a failure reaches all who waited and is not remembered', async t => {
  let loads = 0
  const cache = new SchemaCache({ getSchema: async () => { if (loads++ === 0) throw new Error('store'); return '{}' } }, 10)
  const all = await Promise.allSettled([cache.get(1), cache.get(1)])
  t.same(all.map(({ status }) => status), ['rejected', 'rejected'])
  t.equal((await cache.get(1))?.body.toString(), '{}')
})

await t.test('it holds no more than its bound', async t => {
  let loads = 0
  const cache = new SchemaCache({ getSchema: async () => { loads++; return '{}' } }, 2)
  for (const id of [1, 2, 3, 1]) await cache.get(id)
  t.equal(loads, 4)
})
