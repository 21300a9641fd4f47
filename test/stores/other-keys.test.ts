import t from 'tap'
import { rubinIds } from '../../src/ids/packed-id.ts'
import { storeErrors } from '../../src/stores/errors.ts'
import { otherAlertKeys, otherSchemaKeys } from '../../src/stores/other-keys.ts'

const id = '170055002004914266'
const inV3 = `v3/alerts/20260224/01010/089/${id}`

/** A store whose keys are in `keys`, and the prefixes that were listed. */
function listedStore (keys: string[], url = 'gs://bucket') {
  const listed: string[] = []
  const problem: { error?: Error | undefined } = {}
  return {
    url, keys, listed, problem,
    async * list (prefix: string, { limit }: { limit?: number } = {}) {
      listed.push(prefix)
      if (problem.error !== undefined) throw problem.error
      yield * keys.filter(key => key.startsWith(prefix)).slice(0, limit)
    }
  }
}

/** Keys of `count` other alerts of v1 in S3. */
const many = (count: number, ending = '.avro.gz', first = 150_000_000_000_000_000n) =>
  Array.from({ length: count }, (_, n) => `v1/alerts/${first + BigInt(n)}${ending}`)

await t.test('finds the layouts that have objects with one listing each, shared by concurrent and later calls', async t => {
  const store = listedStore(['v2/alerts/1/1.avro.gz', 'v1/alerts/1.avro', '/alert_archive/v1/alerts/2.avro.gz'])
  const keys = otherAlertKeys(store, 'v2', rubinIds)
  const expected = [`v1/alerts/${id}.avro`, `/alert_archive/v1/alerts/${id}.avro.gz`]
  t.same(await Promise.all([keys.toRead(id), keys.toCompare(id), keys.toRead(id)]), [expected, expected, expected])
  t.same(await keys.toCompare('7'), ['v1/alerts/7.avro', '/alert_archive/v1/alerts/7.avro.gz'])
  t.same(store.listed.toSorted(), ['/alert_archive/v1/alerts/', '/v1/alerts/', 'v1/alerts/', 'v2/alerts/', 'v3/alerts/'])
  t.same(await otherAlertKeys(store, 'v1', rubinIds).toRead(id), [`v2/alerts/170055/${id}.avro.gz`, `v1/alerts/${id}.avro`])
})

await t.test('the layout that is written is searched for uncompressed alerts only, and v3 never has one', async t => {
  t.same(await otherAlertKeys(listedStore(['v2/alerts/1/1.avro', 'v2/alerts/1/2.avro.gz']), 'v2', rubinIds).toRead(id),
    [`v2/alerts/170055/${id}.avro`])
  const store = listedStore(['v3/alerts/other/1/1.avro.gz', 'v3/alerts/other/1/1.avro'])
  t.same(await otherAlertKeys(store, 'v3', rubinIds).toCompare(id), [])
  t.notOk(store.listed.includes('v3/alerts/'))
  t.same(await otherAlertKeys(store, 'v2', rubinIds).toCompare(id), [`${inV3}.avro.gz`])
})

await t.test('in a large layout, only alerts with similar ids are compared, but all are read', async t => {
  const store = listedStore(many(1000))
  const keys = otherAlertKeys(store, 'v3', rubinIds)
  t.same(await keys.toCompare(id), [])
  t.same(await keys.toRead(id), [`v1/alerts/${id}.avro.gz`, `v1/alerts/${id}.avro`])
  t.same(await keys.toCompare('150000000000000007'), ['v1/alerts/150000000000000007.avro.gz'])
  t.same(store.listed.filter(prefix => prefix.startsWith('v1')), ['v1/alerts/', 'v1/alerts/1700550020', 'v1/alerts/1500000000'])
  const before = store.listed.length
  await keys.toCompare('170055002004914267')
  t.equal(store.listed.length, before, 'alerts of the same visit share a listing')
})

await t.test('finds an uncompressed alert behind any number of others, and lists one block of ids for it', async t => {
  const last = '150000000000019998'
  const store = listedStore([...many(19_998), `v1/alerts/${last}.avro`])
  const keys = otherAlertKeys(store, 'v2', rubinIds)
  t.same(await keys.toCompare(last), [`v1/alerts/${last}.avro.gz`, `v1/alerts/${last}.avro`])
  const compressed = otherAlertKeys(listedStore(many(19_999)), 'v2', rubinIds)
  t.same(await compressed.toCompare(last), [`v1/alerts/${last}.avro.gz`])
  // A larger block is not listed completely, so each of its alerts is compared.
  const larger = listedStore([...many(20_000), 'v1/alerts/150000000000020000.avro'])
  t.same(await otherAlertKeys(larger, 'v2', rubinIds).toCompare('150000000000020000'), [
    'v1/alerts/150000000000020000.avro.gz', 'v1/alerts/150000000000020000.avro'
  ])
})

await t.test('a block is a visit in layout v3, and 10^8 ids in a folder of layout v2', async t => {
  const others = Array.from({ length: 1000 }, (_, n) => `v3/alerts/other/7/${n}.avro.gz`)
  const inV2 = Array.from({ length: 1000 }, (_, n) => `v2/alerts/7/${n}.avro.gz`)
  const store = listedStore([...others, `${inV3}.avro.gz`, ...inV2])
  const keys = otherAlertKeys(store, 'v1', rubinIds)
  t.same(await keys.toCompare('170055002004914267'), ['v3/alerts/20260224/01010/089/170055002004914267.avro.gz'])
  for (const other of ['8', '123456789', '9223372036854775807']) t.same(await keys.toCompare(other), [])
  t.same(store.listed.filter(prefix => /^v[23].*[0-9]\/.*/.test(prefix)).toSorted(), [
    'v2/alerts/123456/1', 'v2/alerts/170055/1700550020', 'v2/alerts/8/', 'v2/alerts/922337/92233720368',
    'v3/alerts/20260224/01010/', 'v3/alerts/other/123456/1', 'v3/alerts/other/8/', 'v3/alerts/other/922337/92233720368'
  ])
})

await t.test('in a folder with many files, every alert is compared, because listing the folder takes longer', async t => {
  const store = listedStore(many(1000), 'file:///archive')
  t.same(await otherAlertKeys(store, 'v3', rubinIds).toCompare(id), [`v1/alerts/${id}.avro.gz`, `v1/alerts/${id}.avro`])
  t.notOk(store.listed.includes('v1/alerts/1700550020'))
})

await t.test('lists again after 10 seconds, because another process may write, unless a listing found everything', async t => {
  const store = listedStore([])
  let now = 1000
  const keys = otherSchemaKeys(store, 'v1', () => now)
  t.same(await keys.toRead(1), [])
  store.keys.push('v2/schemas/1.json')
  now += 9_999
  t.same(await keys.toCompare(1), [])
  t.equal(store.listed.length, 4)
  now += 1
  t.same(await keys.toCompare(1), ['v2/schemas/1.json'])
  t.equal(store.listed.length, 8)
  now += 600_000
  t.same(await keys.toRead(1), ['v2/schemas/1.json'])
  t.equal(store.listed.filter(prefix => prefix === 'v2/schemas/').length, 2)
})

await t.test('a listing that takes long is repeated less often', async t => {
  let now = 0
  let listings = 0
  const keys = otherSchemaKeys({
    url: 'gs://bucket',
    async * list (prefix: string) {
      if (prefix !== 'v2/schemas/') return
      listings++
      now += 1000
      yield * []
    }
  }, 'v1', () => now)
  await keys.toRead(1)
  now += 99_000
  await keys.toRead(1)
  t.equal(listings, 1)
  now += 1000
  await keys.toRead(1)
  t.equal(listings, 2)
})

await t.test('rejects with the error of the store, and the next call lists again', async t => {
  const store = listedStore(['v2/alerts/1/1.avro.gz'])
  const keys = otherAlertKeys(store, 'v1', rubinIds)
  store.problem.error = storeErrors.STORE_UNAVAILABLE('down')
  await t.rejects(keys.toRead(id), { code: 'STORE_UNAVAILABLE' })
  await t.rejects(keys.toCompare(id), { code: 'STORE_UNAVAILABLE' })
  store.problem.error = undefined
  t.same(await keys.toRead(id), [`v2/alerts/170055/${id}.avro.gz`])
})
