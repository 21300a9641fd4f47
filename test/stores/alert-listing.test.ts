import t from 'tap'
import { Random } from '../../src/generator/random.ts'
import { decodeId, encodeId, idRanges, packedIdFormat, rubinIds, type PackedIdFormat } from '../../src/ids/packed-id.ts'
import { usedKeySchemes } from '../../src/stores/alert-keys.ts'
import { listAlerts, listByPrefix, type ListedAlert } from '../../src/stores/alert-listing.ts'
import { allKeySchemes, alertName } from '../../src/stores/layouts.ts'
import type { KeyRange } from '../../src/stores/object-store.ts'

/** A store with these keys. Counts the keys that it has listed. */
function storeOf (given: Iterable<string>) {
  const keys = [...new Set(given)].sort()
  const store = {
    url: 'gs://bucket',
    listed: 0,
    open: 0,
    async * list (prefix: string, { from = '', before = '\uffff', limit = Infinity }: KeyRange = {}) {
      store.open++
      try {
        let left = limit
        for (const key of keys) {
          if (!key.startsWith(prefix) || key < from || key >= before) continue
          if (left-- <= 0) return
          store.listed++
          yield key
        }
      } finally {
        store.open--
      }
    }
  }
  return store
}

function keyOf (layout: string, id: bigint, format = rubinIds, ending = '.avro.gz'): string {
  return alertName(allKeySchemes.find(({ name }) => name === layout)!, String(id), format) + ending
}

async function idsOf (alerts: AsyncIterable<ListedAlert>): Promise<bigint[]> {
  const ids: bigint[] = []
  for await (const { id } of alerts) ids.push(BigInt(id))
  return ids
}

const layoutNames = allKeySchemes.map(({ name }) => name)
const night = '20260224'
const visitOf = (id: bigint, format: PackedIdFormat) => decodeId(id, format)?.visit
const sorted = (ids: Iterable<bigint>) => [...new Set(ids)].sort((a, b) => a < b ? -1 : 1)
/** One text, because tap compares long arrays slowly. */
const text = (ids: readonly unknown[]) => ids.join('\n')

await t.test('lists the 10,000 alerts of a visit, in every layout, and reads no other keys than those of the visit', async t => {
  const ids = Array.from({ length: 30_000 }, (_, n) => encodeId({
    tag: n % 50 === 0 ? 4 : 2, night, sequence: 1009 + Math.floor(n / 10_000), detector: n % 189, counter: n
  }))
  const visit = sorted(ids.slice(10_000, 20_000))
  for (const layout of layoutNames) {
    const store = storeOf(ids.map(id => keyOf(layout, id)))
    const schemes = await usedKeySchemes(store)
    t.same(schemes.map(({ name }) => name), [layout])
    store.listed = 0
    const options = { store, format: rubinIds, schemes }
    const found = await idsOf(listAlerts(idRanges({ night, sequence: 1010 }), options))
    t.equal(found.length, 10_000)
    t.equal(text(sorted(found)), text(visit))
    t.equal(store.listed, 10_000, layout)
    store.listed = 0
    const detector = await idsOf(listAlerts(idRanges({ night, sequence: 1010, detector: 89 }), options))
    t.equal(text(detector), text(sorted(visit.filter(id => decodeId(id)!.detector === 89))))
    t.equal(store.listed, detector.length)
    t.equal((await idsOf(listAlerts(idRanges({ night }), options))).length, 30_000)
    t.same(await idsOf(listAlerts(idRanges({ night: '20260225' }), options)), [])
    t.equal(store.open, 0)
  }
})

await t.test('lists exactly the ids in a range, once each, whatever the layouts and the lengths of the ids', async t => {
  const random = new Random(11, 'listing')
  const below = (limit: number) => Math.floor(random.unit() * limit)
  // Tag 1 has ids of 17 and 18 digits, tag 13 of 18 and 19 digits.
  for (const format of [rubinIds, packedIdFormat('7,14,15,8,19', '1,2,13')]) {
    const edges = [1n, 10n, 99_999n, 123_456n, 10n ** 16n, 10n ** 17n, 10n ** 18n, (2n << 56n) - 1n, 2n << 56n, 13n << 56n]
    const edgeParts = edges.flatMap(id => decodeId(id, format) ?? [])
    const ids = new Set<bigint>([0n, (1n << 63n) - 1n, ...edges.flatMap(id => [id - 1n, id, id + 1n])])
    for (const parts of edgeParts) for (const tag of format.tags) ids.add(encodeId({ ...parts, tag }, format))
    const largest = (1n << 63n) - 1n
    while (ids.size < 3000) {
      const place = { night: below(2) === 0 ? night : '20260225', sequence: below(3), detector: below(3), counter: below(40) }
      const packed = encodeId({ tag: format.tags[below(format.tags.length)]!, ...place }, format)
      const other = BigInt(String(random.unit()).slice(2, 3 + below(16))) + BigInt(below(100)) * 10n ** BigInt(below(18))
      ids.add(below(4) > 0 || other > largest ? packed : other)
    }
    const keys = [...ids].flatMap(id => {
      const names = layoutNames.filter(() => below(3) === 0)
      return (names.length === 0 ? ['v2'] : names).flatMap(layout => {
        const endings = layout === 'v3' ? ['.avro.gz'] : [['.avro.gz'], ['.avro'], ['.avro', '.avro.gz']][below(3)]!
        return endings.map(ending => keyOf(layout, id, format, ending))
      })
    })
    const alien = [
      'v2/alerts/170055/other.txt', 'v2/alerts/17/170055002004914266.avro.gz', 'v2/alerts/1/01.avro.gz', 'v3/alerts/20260224/x/1.avro.gz'
    ]
    const store = storeOf([...keys, ...alien])
    const options = { store, format, schemes: await usedKeySchemes(store) }
    t.equal(options.schemes.length, allKeySchemes.length)
    for (const where of [{ night }, { night, sequence: 1 }, { night, sequence: 2, detector: 0 }, ...edgeParts]) {
      const ranges = idRanges(where, format)
      const expected = [...ids].filter(id => ranges.some(({ first, last }) => id >= first && id <= last))
      const found = await idsOf(listAlerts(ranges, options))
      t.equal(new Set(found).size, found.length, 'no id twice')
      t.equal(text(sorted(found)), text(sorted(expected)))
      const visits = found.map(id => visitOf(id, format)).filter(visit => visit !== undefined)
      t.equal(text(visits), text(visits.toSorted((a, b) => a < b ? -1 : a > b ? 1 : 0)), 'in the order of visits')
    }
    const prefixes = ['', '0', '1', '9', '17', '170055', '1000000', '99999', '9223372036854775807', String([...ids][500]).slice(0, 9)]
    for (const digits of prefixes) {
      const found = (await idsOf(listByPrefix(digits, options))).map(String)
      t.equal(text(found), text([...ids].map(String).filter(id => id.startsWith(digits)).sort()), `ids that begin with "${digits}"`)
    }
    const listed: string[] = []
    for await (const alert of listByPrefix('', options)) listed.push(...alert.keys)
    t.equal(text(listed.toSorted()), text(keys.toSorted()), 'all keys of all alerts, and no other keys')
  }
})

await t.test('yields the first alert before it lists the rest, and ends the listings of a caller that stops', async t => {
  const ids = Array.from({ length: 20_000 }, (_, n) => encodeId({ tag: 2, night, sequence: 1, detector: n % 189, counter: n }))
  const store = storeOf(ids.flatMap(id => [keyOf('v2', id), keyOf('v3', id), keyOf('v1', id)]))
  const schemes = await usedKeySchemes(store)
  for (const list of [() => listAlerts(idRanges({ night, sequence: 1 }), { store, format: rubinIds, schemes }),
    () => listByPrefix('1', { store, format: rubinIds, schemes })]) {
    store.listed = 0
    for await (const { id, keys } of list()) {
      t.equal(BigInt(id), sorted(ids)[0])
      t.equal(keys.length, 3)
      break
    }
    t.ok(store.listed < 500, `${store.listed} keys listed`)
    t.equal(store.open, 0)
  }
})
