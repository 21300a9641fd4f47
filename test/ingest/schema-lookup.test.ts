import t from 'tap'
import { registryErrors } from '../../src/avro/errors.ts'
import { schemaLookup } from '../../src/ingest/schema-lookup.ts'

/** A registry that has the schemas of `ids` and records all requested ids. `onRequest` may add ids. */
function registryDouble (onRequest: (id: number, ids: Set<number>, requests: readonly number[]) => void = () => {}) {
  const ids = new Set<number>()
  const requests: number[] = []
  return {
    ids,
    requests,
    requestsFor: (id: number): number => requests.filter(each => each === id).length,
    url: 'http://registry',
    schemaById: async (id: number) => {
      onRequest(id, ids, requests)
      requests.push(id)
      if (!ids.has(id)) throw registryErrors.UNKNOWN_SCHEMA(`no ${id}`)
      return `schema ${id}`
    }
  }
}

await t.test('finds a schema that is registered during the wait, and logs the wait once', async t => {
  const registry = registryDouble((id, ids, requests) => { if (requests.length === 3) ids.add(id) })
  const logged: unknown[] = []
  const log = { debug () {}, info () {}, warn: (fields: unknown) => { logged.push(fields) }, error () {} }
  const lookUp = schemaLookup(registry.schemaById, registry.url, { pollMs: 1, waitMs: 60_000, log })
  t.equal(await lookUp(7), 'schema 7')
  t.equal(registry.requests.length, 4)
  t.match(logged, [{ schemaId: 7 }])
  t.equal(logged.length, 1)
})

await t.test('waits once for an id that is never registered; later lookups of the id fail without a request', async t => {
  const registry = registryDouble()
  // waitMs and unknownForMs are long enough that neither passes between two statements on a busy machine.
  const lookUp = schemaLookup(registry.schemaById, registry.url, { pollMs: 5, waitMs: 500, unknownForMs: 600_000 })
  await t.rejects(lookUp(7), { code: 'UNKNOWN_SCHEMA', retryable: false })
  const first = registry.requests.length
  t.ok(first >= 2, `${first} requests`)
  for (let record = 0; record < 10_000; record++) await lookUp(7).catch(() => {})
  t.equal(registry.requests.length, first)
})

await t.test('when the cached error of an unknown id has expired, requests the id again without another wait', async t => {
  const registry = registryDouble()
  const lookUp = schemaLookup(registry.schemaById, registry.url, { pollMs: 5, waitMs: 20, unknownForMs: 0 })
  await t.rejects(lookUp(8), { code: 'UNKNOWN_SCHEMA' })
  const before = registry.requests.length
  await t.rejects(lookUp(8), { code: 'UNKNOWN_SCHEMA' })
  t.equal(registry.requests.length, before + 1)
  registry.ids.add(8)
  t.equal(await lookUp(8), 'schema 8')
  t.equal(registry.requests.length, before + 2)
})

await t.test('waits less for each further unknown id, and for the full time again after a schema is found', async t => {
  const registry = registryDouble((id, ids) => { if (id === 102 && registry.requestsFor(102) === 2) ids.add(102) })
  const lookUp = schemaLookup(registry.schemaById, registry.url, { pollMs: 1, waitMs: 400 })
  for (let id = 1; id <= 5; id++) await lookUp(id).catch(() => {})
  const requests = [1, 2, 3, 4, 5].map(registry.requestsFor)
  t.ok(requests[0]! > 1 && requests[1]! > 1, String(requests))
  t.strictSame(requests.slice(2), [1, 1, 1], 'ids 1 and 2 get waits of 400 ms and 200 ms, ids 3 to 5 get no wait')

  const other = schemaLookup(registry.schemaById, registry.url, { pollMs: 1, waitMs: 400 })
  await other(101).catch(() => {})
  await other(102)
  await other(103).catch(() => {})
  await other(104).catch(() => {})
  t.ok(registry.requestsFor(103) > 1)
  t.ok(registry.requestsFor(104) > 1, 'id 104 gets a wait, because id 102 was found')
})

await t.test('an id that no registry assigns fails at once, and other unknown ids still get the full wait', async t => {
  const registry = registryDouble((id, ids, requests) => { if (id === 7 && requests.length === 20) ids.add(7) })
  const lookUp = schemaLookup(registry.schemaById, registry.url, { pollMs: 1, waitMs: 600_000 })
  for (const id of [2 ** 31, 2 ** 32 - 1]) await t.rejects(lookUp(id), { code: 'UNKNOWN_SCHEMA' })
  t.equal(registry.requests.length, 2, 'no lookup was repeated')
  t.equal(await lookUp(7), 'schema 7')
})

await t.test('without a wait, an unknown id fails at the first request', async t => {
  const registry = registryDouble()
  await t.rejects(schemaLookup(registry.schemaById, registry.url, { waitMs: 0 })(1), { code: 'UNKNOWN_SCHEMA' })
  t.equal(registry.requests.length, 1)
})

await t.test('throws errors other than UNKNOWN_SCHEMA at once and does not cache these errors', async t => {
  let down = true
  const schemaById = async (): Promise<string> => { if (down) throw registryErrors.REGISTRY_UNAVAILABLE('down'); return 'text' }
  const lookUp = schemaLookup(schemaById, 'http://registry')
  await t.rejects(lookUp(1), { code: 'REGISTRY_UNAVAILABLE', retryable: true })
  down = false
  t.equal(await lookUp(1), 'text')
})
