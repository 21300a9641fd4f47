// Checks of the schemas of archived alerts: each id is looked up once and reported once.
import t from 'tap'
import { storeErrors } from '../../src/stores/errors.ts'
import { SchemaPresence } from '../../src/verify/schema-presence.ts'

await t.test('concurrent checks of one id share a lookup, and only the first caller gets the problem', async t => {
  const asked: number[] = []
  const presence = new SchemaPresence(() => ({
    getSchema: async id => {
      asked.push(id)
      if (id === 2) throw storeErrors.OBJECT_CORRUPT('the schema is not JSON')
      return id === 1 ? '{"type":"record"}' : undefined
    }
  }))
  const results = await Promise.all([1, 2, 3, 1, 2, 3].map(async id => await presence.check(id)))
  t.match(results, [
    undefined, { problem: 'different', reason: 'the schema is not JSON' }, { problem: 'missing', reason: /no schema/ },
    undefined, undefined, undefined
  ])
  t.strictSame(asked, [1, 2, 3])
  t.equal(presence.present, 1)
})

await t.test('rejects with the error of the store, and the next check looks the schema up again', async t => {
  let fails = true
  const presence = new SchemaPresence(() => ({
    getSchema: async () => {
      if (fails) throw storeErrors.STORE_UNAVAILABLE('away')
      return undefined
    }
  }))
  const both = await Promise.allSettled([presence.check(7), presence.check(7)])
  t.match(both, [{ reason: { code: 'STORE_UNAVAILABLE' } }, { reason: { code: 'STORE_UNAVAILABLE' } }])
  fails = false
  t.match(await presence.check(7), { problem: 'missing' })
})
