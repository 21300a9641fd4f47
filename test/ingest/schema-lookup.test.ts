import t from 'tap'
import { registryErrors } from '../../src/avro/errors.ts'
import { patientLookup } from '../../src/ingest/schema-lookup.ts'

/** A registry that has the ids of `known`, and counts what it is asked. */
function registry (known = new Set<number>()) {
  const asked: number[] = []
  return {
    known,
    asked,
    url: 'http://registry',
    schemaById: async (id: number) => {
      asked.push(id)
      if (!known.has(id)) throw registryErrors.UNKNOWN_SCHEMA(`no ${id}`)
      return `schema ${id}`
    }
  }
}

await t.test('an id that comes while it is looked for again is found; the wait is told once', async t => {
  const parts = registry()
  const told: unknown[] = []
  const log = { debug () {}, info () {}, warn: (facts: unknown) => { told.push(facts) }, error () {} }
  const lookUp = patientLookup({ ...parts, schemaById: async id => { if (parts.asked.length === 3) parts.known.add(id); return parts.schemaById(id) } }, { pauseMs: 1, patienceMs: 60_000, log })
  t.equal(await lookUp(7), 'schema 7')
  t.equal(parts.asked.length, 4)
  t.match(told, [{ schemaId: 7 }])
  t.equal(told.length, 1)
})

await t.test('an id that never comes is waited for once; its records then fail without asking, until the belief is over; then one look each time', async t => {
  const parts = registry()
  // Long enough that a machine that is busy does not lose all of it between two lines.
  const lookUp = patientLookup(parts, { pauseMs: 5, patienceMs: 500, believeMs: 600_000 })
  await t.rejects(lookUp(7), { code: 'UNKNOWN_SCHEMA', retryable: false })
  const first = parts.asked.length
  t.ok(first >= 2, `${first} looks`)
  for (let record = 0; record < 10_000; record++) await lookUp(7).catch(() => {})
  t.equal(parts.asked.length, first)

  const brief = patientLookup(parts, { pauseMs: 5, patienceMs: 20, believeMs: 0 })
  await t.rejects(brief(8), { code: 'UNKNOWN_SCHEMA' })
  const before = parts.asked.length
  await t.rejects(brief(8), { code: 'UNKNOWN_SCHEMA' })
  t.equal(parts.asked.length, before + 1, 'no second wait')
  parts.known.add(8)
  t.equal(await brief(8), 'schema 8')
  t.equal(parts.asked.length, before + 2)
})

await t.test('garbage with ever new ids is waited for a few times and then not at all; an id that came restores the patience', async t => {
  const parts = registry()
  const lookUp = patientLookup(parts, { pauseMs: 1, patienceMs: 400 })
  const looks: number[] = []
  for (let id = 1; id <= 5; id++) {
    const before = parts.asked.length
    await lookUp(id).catch(() => {})
    looks.push(parts.asked.length - before)
  }
  t.ok(looks[0]! > 1 && looks[1]! > 1, String(looks))
  t.strictSame(looks.slice(2), [1, 1, 1], '400 ms, 200 ms, then none')
  const again = patientLookup({ ...parts, schemaById: async id => { if (id === 102 && parts.asked.filter(each => each === 102).length === 2) parts.known.add(102); return parts.schemaById(id) } }, { pauseMs: 1, patienceMs: 400 })
  await again(101).catch(() => {})
  await again(102)
  await again(103).catch(() => {})
  await again(104).catch(() => {})
  t.ok(parts.asked.filter(each => each === 103).length > 1)
  t.ok(parts.asked.filter(each => each === 104).length > 1, 'as from the beginning')
})

await t.test('with no patience an unknown id fails at the first look; other errors pass at once and are not remembered', async t => {
  const parts = registry()
  const lookUp = patientLookup(parts, { patienceMs: 0 })
  await t.rejects(lookUp(1), { code: 'UNKNOWN_SCHEMA' })
  t.equal(parts.asked.length, 1)
  let down = true
  const broken = patientLookup({ ...parts, schemaById: async () => { if (down) throw registryErrors.REGISTRY_UNAVAILABLE('down'); return 'text' } }, {})
  await t.rejects(broken(1), { code: 'REGISTRY_UNAVAILABLE', retryable: true })
  down = false
  t.equal(await broken(1), 'text')
})
