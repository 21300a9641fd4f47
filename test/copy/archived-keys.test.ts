import t from 'tap'
import { alertKeys, schemaKeys, type Selection } from '../../src/copy/archived-keys.ts'
import { encodeId, idRanges, packedIdFormat, rubinIds } from '../../src/ids/packed-id.ts'
import { listAlerts } from '../../src/stores/alert-listing.ts'
import { sortKeys } from '../../src/stores/keys.ts'
import { allKeySchemes, alertName } from '../../src/stores/layouts.ts'
import type { KeyRange } from '../../src/stores/object-store.ts'

/** A store of keys without objects. Remembers its listings. */
function storeOf (keys: readonly string[], url = 'gs://bucket') {
  const listings: Array<{ prefix: string, range: KeyRange }> = []
  return {
    url,
    listings,
    async * list (prefix: string, range: KeyRange = {}) {
      listings.push({ prefix, range })
      const { from = '', before } = range
      yield * sortKeys([...keys]).filter(key => key.startsWith(prefix) && key >= from && (before === undefined || key < before))
    }
  }
}

async function collect (store: ReturnType<typeof storeOf>, selection: Partial<Selection> = {}, list = alertKeys) {
  const ignored: string[] = []
  const found: string[] = []
  for await (const { id, key, compressed } of list(store, { format: rubinIds, ...selection }, key => { ignored.push(key) })) {
    found.push(`${id} ${key}${compressed ? '' : ' uncompressed'}`)
  }
  return { found, ignored }
}

const id = String(encodeId({ tag: 2, night: '20260224', sequence: 10, detector: 7, counter: 5 }))
const v2 = (each: string, ending = '.avro.gz') => `v2/alerts/${each.slice(0, 6)}/${each}${ending}`
const keys = [
  `/alert_archive/v1/alerts/${id}.avro.gz`, `/v1/alerts/${id}.avro`, `v1/alerts/${id}.avro`, v2(id), v2('7', '.avro'),
  `v3/alerts/20260224/00010/007/${id}.avro.gz`, 'v3/alerts/other/7/7.avro.gz'
]

await t.test('lists the alerts of every layout, compressed or not, and nothing else', async t => {
  const other = ['v2/alerts/x', 'v2/alerts/000000/7.avro.gz', 'v2/alerts/7/07.avro.gz', 'v3/alerts/20260224/00010/008/' + id + '.avro.gz']
  const { found, ignored } = await collect(storeOf([...keys, ...other, 'dead-letters/1.json', 'v2/schemas/1.json']))
  t.strictSame(found.map(line => line.split(' ')[1]).sort(), [...keys].sort())
  t.strictSame(found.filter(line => line.endsWith(' uncompressed')).length, 3)
  t.strictSame(ignored.sort(), [...other].sort())
})

await t.test('leaves out the layout of the destination, and lists a folder once for keys that differ in the leading slash', async t => {
  const { found } = await collect(storeOf(keys), { except: 'v2' })
  t.notMatch(found.join('\n'), / v2\//)
  const folder = storeOf(keys, 'file:///folder')
  await collect(folder)
  t.strictSame(folder.listings.map(({ prefix }) => prefix), ['v3/alerts/', 'v2/alerts/', 'v1/alerts/', '/alert_archive/v1/alerts/'])
})

await t.test('finds the alerts of a night by ranges that contain few other keys', async t => {
  const parts = { sequence: 0, detector: 0, counter: 0 }
  const night = (date: string, tag: number, more: Partial<typeof parts> = {}) => String(encodeId({ tag, night: date, ...parts, ...more }))
  const last = { sequence: 32767, detector: 204, counter: 524287 }
  const wanted = [2, 4].flatMap(tag => [night('20260224', tag), night('20260224', tag, last)])
  const others = [2, 4].flatMap(tag => [night('20260223', tag, last), night('20260225', tag)])
  // These ids sort between those of the night as text, but are shorter.
  const shorter = wanted.map(each => each.slice(0, -1))
  const store = storeOf([...wanted, ...others, ...shorter].map(each => v2(each)))
  const { found } = await collect(store, { night: '20260224' })
  t.strictSame(found.map(line => line.split(' ')[0]), wanted)
  const { prefix, range } = store.listings.find(listing => listing.prefix === 'v2/alerts/')!
  t.strictSame([prefix, range.from], ['v2/alerts/', v2(wanted[0]!, '')])
  for (const each of others) t.notOk(v2(each) >= range.from! && v2(each) < range.before!, 'not in the range of tag 2')
  t.strictSame(store.listings[0], {
    prefix: 'v3/alerts/', range: { from: 'v3/alerts/20260224/00000/000/', before: 'v3/alerts/20260224/32767/2550' }
  })
})

await t.test('--night of copy and of list find the same alerts in every layout, also those outside the night folders of v3', async t => {
  const night = '20260224'
  const packed = [2, 4].map(tag => encodeId({ tag, night, sequence: 10, detector: 204, counter: 1 }))
  // Detectors above 204, and ids that were not packed with the tags of the program that wrote them.
  const others = [205n, 255n].map(detector => encodeId({ tag: 2, night, sequence: 10, detector: 0, counter: 1 }) + (detector << 19n))
  const misplaced = encodeId({ tag: 4, night, sequence: 11, detector: 7, counter: 5 })
  const nextNight = encodeId({ tag: 2, night: '20260225', sequence: 0, detector: 0, counter: 0 })
  const wanted = [...packed, ...others, misplaced].map(String).sort()
  for (const scheme of allKeySchemes) {
    const keyOf = (each: bigint) => scheme.name === 'v3' && each === misplaced
      ? `v3/alerts/other/${String(each).slice(0, 6)}/${each}.avro.gz`
      : `${alertName(scheme, String(each), rubinIds)}.avro.gz`
    const store = storeOf([...packed, ...others, misplaced, nextNight, 7n].map(keyOf))
    const idsIn = async (selection: Partial<Selection>) => (await collect(store, selection)).found.map(line => line.split(' ')[0]!).sort()
    const listed: string[] = []
    for await (const { id } of listAlerts(idRanges({ night }), { store, format: rubinIds, schemes: [scheme] })) listed.push(id)
    t.strictSame(listed.sort(), wanted, scheme.name)
    t.strictSame(await idsIn({ night }), wanted, scheme.name)
    t.strictSame(await idsIn({}), [...wanted, String(nextNight), '7'].sort(), scheme.name)
  }
})

await t.test('a range whose ids differ in length is listed once per length', async t => {
  const format = packedIdFormat('1,14,15,8,19', '0')
  // Day 0 begins with the id 0, so the ids of the night have 1 to 13 digits.
  const ids = ['0', '9', '10', '99', '4398046511103']
  const store = storeOf([...ids, '4398046511104', '5'].map(each => v2(each)))
  const { found } = await collect(store, { format, night: '20100101' })
  t.strictSame(found.map(line => line.split(' ')[0]), ['0', '5', '9', '10', '99', '4398046511103'])
})

await t.test('an invalid night is an error', async t => {
  await t.rejects(collect(storeOf(keys), { night: '20260230' }), { code: 'ID_OUT_OF_RANGE' })
})

await t.test('lists the schemas of every layout', async t => {
  const schemas = ['v2/schemas/1.json', 'v3/schemas/1101.json', '/alert_archive/v1/schemas/7.json']
  const { found, ignored } = await collect(storeOf([...schemas, 'v2/schemas/01.json', 'v2/schemas/x']), {}, schemaKeys)
  t.strictSame(found.map(line => line.split(' ')[1]).sort(), [...schemas].sort())
  t.strictSame(ignored, ['v2/schemas/01.json', 'v2/schemas/x'])
})
