// The bytes that schema resolution copies, converts and rejects.
import t from 'tap'
import { parseSchema, resolver, type AlertSchema, type AlertValue } from '../../src/avro/index.ts'
import { encodeLong } from '../../src/avro/varint.ts'

const long = (name: string) => ({ name, type: 'long' })
const schemaOf = (fields: unknown[], namespace = 'a') => parseSchema(JSON.stringify({ type: 'record', name: 'alert', namespace, fields }))
const items = (fields: unknown[]) => ({ name: 'list', type: { type: 'array', items: { type: 'record', name: 'item', fields } } })

/** Pseudo-random integers below `n`, the same in every run. */
function randomIntegers (seed: number): (n: number) => number {
  let state = seed
  return n => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * n)
  }
}

await t.test('copies values of equal types as the producer wrote them, and returns a buffer of its own', t => {
  // The specification permits a long in more bytes than needed and blocks with a size.
  const list = Buffer.from([0x03, 0x04, 0x02, 0x04, 0x00])
  const datum = Buffer.concat([Buffer.from([0x8e, 0x00]), list])
  const schema = schemaOf([long('id'), items([long('n')])])
  for (const reader of [schema, schemaOf([long('id'), items([long('n')])], 'b')]) {
    const resolved = resolver(schema, reader)(datum, 5)
    t.same(resolved.subarray(5), datum)
    resolved.fill(0)
    t.equal(datum[0], 0x8e, 'the input does not change')
  }
  const added = resolver(schema, schemaOf([long('id'), { ...long('new'), default: 3 }, items([long('n')])]))(datum)
  t.same(added, Buffer.concat([datum.subarray(0, 2), encodeLong(3), list]))
  t.end()
})

await t.test('an array with converted items has blocks without a size, because the size changes', t => {
  const reader = schemaOf([long('id'), items([{ ...long('new'), default: -1 }, long('n')])])
  const resolved = resolver(schemaOf([long('id'), items([long('n')])]), reader)(Buffer.from([2, 0x03, 0x04, 0x02, 0x04, 0x02, 0x06, 0x00]))
  t.same(resolved, Buffer.from([2, 4, 1, 2, 1, 4, 2, 1, 6, 0]))
  t.same(reader.decode(resolved)['list'], [{ new: -1n, n: 1n }, { new: -1n, n: 2n }, { new: -1n, n: 3n }])
  t.end()
})

await t.test('resolves records that are nested as deeply as a datum may be, and rejects deeper ones', t => {
  const tree = (fields: unknown[], namespace: string) =>
    schemaOf([...fields, { name: 'next', type: ['null', `${namespace}.alert`] }], namespace)
  const [writer, reader] = [tree([long('v')], 'a'), tree([{ ...long('new'), default: 0 }, long('v')], 'b')]
  const nested = (depth: number) => Buffer.from([...Array.from({ length: 2 * depth - 1 }, (_, index) => index % 2 === 0 ? 8 : 2), 0])
  const expected = Array.from({ length: 1000 }, (_, index) => [0, 8, index < 999 ? 2 : 0])
  t.same(resolver(writer, reader)(nested(1000)), Buffer.from(expected.flat()))
  t.throws(() => resolver(writer, reader)(nested(1001)), { code: 'DATUM_INVALID' })
  t.end()
})

await t.test('a few bytes cannot claim an output without limit', t => {
  const reader = schemaOf([items([{ name: 'text', type: 'string', default: 'x'.repeat(1000) }])])
  const claim = Buffer.concat([encodeLong(1_000_000), encodeLong(0)])
  t.throws(() => resolver(schemaOf([items([])]), reader)(claim), { code: 'DATUM_INVALID', message: /more than 67108864 bytes/ })
  t.end()
})

const band = (symbols: string[], more: object = {}) => ({ name: 'band', type: { type: 'enum', name: 'band', symbols, ...more } })
const writer = schemaOf([
  long('id'), { name: 'gone', type: { type: 'map', values: 'bytes' } }, { name: 'i', type: 'int' }, { name: 'f', type: 'float' },
  band(['u', 'g', 'r']), items([{ name: 'a', type: ['null', 'int', 'string'] }, { name: 'b', type: 'boolean' }, long('c')]),
  { name: 'map', type: { type: 'map', values: ['null', 'item'] } }, { name: 'raw', type: ['null', 'bytes'] },
  { name: 'maybe', type: ['null', 'double'] }, { name: 'hash', type: { type: 'fixed', name: 'hash', size: 3 } }
])
const reader = schemaOf([
  { name: 'hash', type: { type: 'fixed', name: 'hash', size: 3 } }, long('id'), { name: 'new', type: ['null', 'string'], default: null },
  items([{ name: 'c', type: 'double' }, { name: 'a', type: ['string', 'null', 'long'] }, { name: 'd', type: 'int', default: 7 }]),
  { name: 'f', type: 'double' }, { name: 'i', type: ['null', 'float'] }, band(['r', 'u', 'other'], { default: 'other' }),
  { name: 'map', type: { type: 'map', values: ['item', 'null'] } }, { name: 'raw', type: ['null', 'string'] },
  { name: 'maybe', type: ['null', 'double'] }
], 'b')

function randomAlert (random: (n: number) => number): AlertValue {
  const item = () => ({ a: [null, random(1000) - 500, `text ${random(9)}`][random(3)], b: random(2) === 0, c: BigInt(random(2 ** 31)) })
  return {
    id: BigInt(random(2 ** 31)) ** 2n, gone: { key: Buffer.alloc(random(20)) }, i: random(2 ** 20) - 2 ** 19, f: random(1000) / 8,
    band: ['u', 'g', 'r'][random(3)], list: Array.from({ length: random(4) }, item),
    map: Object.fromEntries(Array.from({ length: random(3) }, (_, n) => [`key ${n}`, random(2) === 0 ? null : item()])),
    raw: random(2) === 0 ? null : Buffer.from(`é${random(9)}`), maybe: random(2) === 0 ? null : random(99) / 4,
    hash: Buffer.from([random(256), 1, 2])
  }
}

interface Item { readonly a: unknown, readonly c: bigint }

/** The value that the specification says the reader gets. */
function expectedOf (alert: AlertValue): AlertValue {
  const item = ({ a, c }: Item) => ({ c: Number(c), a: typeof a === 'number' ? BigInt(a) : a, d: 7 })
  const map = Object.entries(alert['map'] as Record<string, Item | null>).map(([key, value]) => [key, value === null ? null : item(value)])
  return {
    hash: alert['hash'], id: alert['id'], new: null, list: (alert['list'] as Item[]).map(item), f: alert['f'], i: alert['i'],
    band: alert['band'] === 'g' ? 'other' : alert['band'], map: Object.fromEntries(map),
    raw: (alert['raw'] as Buffer | null)?.toString() ?? null, maybe: alert['maybe']
  }
}

await t.test('reorders, drops, adds and converts fields of random alerts as the specification says', t => {
  const random = randomIntegers(1)
  const resolve = resolver(writer, reader)
  for (let n = 0; n < 300; n++) {
    const alert = randomAlert(random)
    const resolved = resolve(writer.encode(alert))
    const expected = reader.encode(expectedOf(alert))
    if (!resolved.equals(expected)) t.same(reader.decode(resolved), expectedOf(alert))
  }
  t.same(reader.decode(resolve(writer.encode(randomAlert(randomIntegers(1))))), expectedOf(randomAlert(randomIntegers(1))))
  t.end()
})

await t.test('rejects damaged data or makes data that the reader schema accepts', t => {
  const random = randomIntegers(2)
  const schemas: ReadonlyArray<readonly [AlertSchema, AlertSchema]> = [[writer, reader], [writer, writer]]
  const outcomes = { resolved: 0, rejected: 0 }
  for (let n = 0; n < 3000; n++) {
    const datum = writer.encode(randomAlert(random))
    const damaged = random(3) === 0 ? datum.subarray(0, random(datum.length)) : Buffer.from(datum)
    for (let changes = random(4); changes > 0 && damaged.length > 0; changes--) damaged[random(damaged.length)] = random(256)
    for (const [from, to] of schemas) {
      let resolved: Buffer
      try {
        resolved = resolver(from, to)(damaged)
      } catch (error) {
        outcomes.rejected++
        if (!['DATUM_INVALID', 'RESOLUTION_IMPOSSIBLE'].includes((error as { code?: string }).code ?? '')) throw error
        continue
      }
      outcomes.resolved++
      from.checkDatum(damaged)
      to.checkDatum(resolved)
    }
  }
  t.ok(outcomes.resolved > 1000 && outcomes.rejected > 1000, JSON.stringify(outcomes))
  t.end()
})
