import t from 'tap'
import { storeErrors } from '../../src/stores/errors.ts'
import type { KeyRange } from '../../src/stores/object-store.ts'
import { OtherLayouts } from '../../src/stores/other-layouts.ts'

/** A store whose keys are in `keys`, and the listings that were requested. */
function listedStore (keys: string[]) {
  const listed: string[] = []
  const problem: { error?: Error | undefined } = {}
  return {
    keys, listed, problem,
    async * list (prefix: string, { limit }: KeyRange = {}) {
      listed.push(`${prefix} ${limit}`)
      if (problem.error !== undefined) throw problem.error
      yield * keys.filter(key => key.startsWith(prefix)).slice(0, limit)
    }
  }
}

await t.test('lists one key per other layout, once for concurrent and later calls', async t => {
  const store = listedStore(['v2/alerts/1/1.avro.gz', '/alert_archive/v1/alerts/1.avro.gz', '/alert_archive/v1/alerts/2.avro.gz'])
  const others = new OtherLayouts(store, 'alerts', 'v2')
  t.same(await Promise.all([others.used(), others.used()]), [['v1'], ['v1']])
  t.same(await others.used(), ['v1'])
  t.same(store.listed, ['/alert_archive/v1/alerts/ 1'])
  t.same(await new OtherLayouts(store, 'alerts', 'v1').used(), ['v2'])
  t.same(await new OtherLayouts(store, 'schemas', 'v1').used(), [], 'alerts and schemas are listed separately')
})

await t.test('lists an unused layout again after 10 seconds, and a used layout never again', async t => {
  const store = listedStore([])
  let now = 1000
  const others = new OtherLayouts(store, 'schemas', 'v1', () => now)
  t.same(await others.used(), [])
  store.keys.push('v2/schemas/1.json')
  now += 9_999
  t.same(await others.used(), [])
  t.equal(store.listed.length, 1)
  now += 1
  t.same(await others.used(), ['v2'])
  now += 600_000
  t.same(await others.used(), ['v2'])
  t.equal(store.listed.length, 2)
})

await t.test('rejects with the error of the store, and the next call lists again', async t => {
  const store = listedStore(['v2/alerts/1/1.avro.gz'])
  const others = new OtherLayouts(store, 'alerts', 'v1')
  store.problem.error = storeErrors.STORE_UNAVAILABLE('down')
  await t.rejects(others.used(), { code: 'STORE_UNAVAILABLE' })
  store.problem.error = undefined
  t.same(await others.used(), ['v2'])
})
