// The skipper alone. test/avro/skipper-fastavro.test.ts compares it with fastavro.
import t from 'tap'
import { parseTree } from '../../src/avro/schema-tree.ts'
import { skipper } from '../../src/avro/skipper.ts'
import { encodeLong } from '../../src/avro/varint.ts'

const skipperOf = (type: unknown) => skipper(parseTree(type))
const bytes = (...parts: Array<number | bigint | string | Buffer>): Buffer => Buffer.concat(parts.map(part =>
  typeof part === 'string' ? Buffer.from(part, 'hex') : Buffer.isBuffer(part) ? part : encodeLong(part)))
/** The end of the datum, or the message of the error. */
function outcome (type: unknown, datum: Buffer): number | string {
  try {
    return skipperOf(type)(datum, 0)
  } catch (error) {
    return (error as Error).message
  }
}

await t.test('skips a value of each type and stops at its end', async t => {
  const bar = { type: 'record', name: 'Bar', fields: [{ name: 'x', type: 'float' }, { name: 'y', type: ['null', 'double'] }] }
  const cases: Array<[unknown, Buffer]> = [
    ['null', bytes()], ['boolean', bytes('01')], ['int', bytes(-2147483648)], ['long', bytes(-(2n ** 63n))], ['long', bytes('8000')],
    ['float', bytes('00000000')], ['double', bytes('0000000000000000')], ['bytes', bytes(3, 'ff00ff')], ['string', bytes(2, 'c3a9')],
    [{ type: 'fixed', name: 'F', size: 3 }, bytes('ffffff')], [{ type: 'enum', name: 'E', symbols: ['a', 'b'] }, bytes(1)],
    [['null', 'long', 'string'], bytes(2, 1, '61')], [['string', 'null'], bytes(1)], [['float', 'null'], bytes(0, '00000000')],
    [{ type: 'array', items: 'int' }, bytes(2, 5, 6, 1, 7, 0)],
    [{ type: 'array', items: 'int' }, bytes(-2, 2, 5, 6, -1, 1, 7, 0)],
    [{ type: 'array', items: 'null' }, bytes(1_000_000, -3, 0, 0)],
    [{ type: 'map', values: 'long' }, bytes(1, 1, '61', 300, 0)],
    [bar, bytes('00000000', 1, '0000000000000000')], [bar, bytes('00000000', 0)],
    [{ type: 'long', logicalType: 'timestamp-micros' }, bytes(5)], [{ type: { type: 'array', items: 'int' } }, bytes(0)]
  ]
  for (const [type, datum] of cases) {
    const text = `${JSON.stringify(type)} ${datum.toString('hex')}`
    t.equal(outcome(type, datum), datum.length, text)
    t.equal(outcome(type, Buffer.concat([datum, Buffer.from([0xff])])), datum.length, `${text}, with a byte after it`)
    for (let cut = 0; cut < datum.length; cut++) {
      const end = outcome(type, datum.subarray(0, cut))
      t.ok(typeof end === 'string' || end > cut, `${text}, cut to ${cut} bytes: ${end}`)
    }
  }
})

await t.test('rejects values that the Avro specification does not allow', async t => {
  const number = /more than (32|64) bits/
  const cases: Array<[unknown, Buffer, RegExp]> = [
    ['boolean', bytes('02'), /boolean at byte 0 is 2/],
    ['int', bytes(2147483648n), number], ['int', bytes('808080808000'), number], ['int', bytes('ffffffff1f'), number],
    ['long', bytes('ffffffffffffffffff02'), number], ['long', bytes('8080808080808080808000'), number],
    ['bytes', bytes(-1), /length at byte 0 is -1/], ['string', bytes(-3), /length/], ['bytes', bytes(4, '000000'), /length.*is 4.*only 3/],
    ['bytes', bytes(2n ** 62n), /length/], ['string', bytes(2, 'ffff'), /not UTF-8/],
    ['string', bytes(60, Buffer.alloc(60, 0x80)), /not UTF-8/],
    [{ type: 'map', values: 'int' }, bytes(1, 1, 'ff', 0, 0), /not UTF-8/], [{ type: 'map', values: 'int' }, bytes(1, -1, 0, 0), /length/],
    [{ type: 'enum', name: 'E', symbols: ['a', 'b'] }, bytes(2), /index 2.*2 symbols/],
    [{ type: 'enum', name: 'E', symbols: ['a'] }, bytes(-1), /index -1/],
    [['null', 'int'], bytes(2), /branch 2.*2 branches/], [['null', 'float'], bytes(2), /branch 2/],
    [['float', 'null'], bytes(-1), /branch -1/],
    [['null', 'int', 'string'], bytes(-1), /branch -1/], [[], bytes(0), /branch 0.*0 branches/],
    [{ type: 'array', items: 'int' }, bytes(2n ** 62n, 1), /claims \d+ items, but only 1 bytes/],
    [{ type: 'array', items: 'int' }, bytes(-(2n ** 63n), 1, 1), /claims \d+ items/],
    [{ type: 'array', items: 'double' }, bytes(2, Buffer.alloc(15)), /claims 2 items, but only 15 bytes/],
    [{ type: 'array', items: 'int' }, bytes(-2, 3, 5, 6, 0), /claims to end at byte 5, but it ends at byte 4/],
    [{ type: 'array', items: 'int' }, bytes(-2, -1, 5, 6, 0), /length at byte 1 is -1/],
    [{ type: 'array', items: 'int' }, bytes(-2, 2n ** 61n, 5, 6, 0), /length/],
    [{ type: 'map', values: 'null' }, bytes(2n ** 40n, 0, 0), /claims \d+ items/]
  ]
  for (const [type, datum, message] of cases) t.match(outcome(type, datum), message, `${JSON.stringify(type)} ${datum.toString('hex')}`)
})

await t.test('skips items without bytes in constant time, and rejects more than a million of them in a block', async t => {
  const empty = (name: string) => ({ type: 'record', name, fields: [{ name: 'a', type: 'null' }] })
  for (const items of ['null', { type: 'fixed', name: 'F', size: 0 }, empty('E')]) {
    const blocks = Buffer.concat(Array.from({ length: 20_000 }, () => encodeLong(1_000_000)))
    t.equal(outcome({ type: 'array', items }, bytes(blocks, 0)), blocks.length + 1)
    t.match(outcome({ type: 'array', items }, bytes(2n ** 62n, 0)), /claims \d+ items that take no bytes/)
    t.match(outcome({ type: 'array', items }, bytes(-1_000_001, 0, 0)), /claims 1000001 items that take no bytes/)
  }
})

await t.test('the time is bounded for a schema of a few types with 2^100 fields', async t => {
  const nested = (leaf: string): unknown => {
    let type: unknown = { type: 'record', name: 'R0', fields: [{ name: 'x', type: leaf }] }
    for (let level = 1; level <= 100; level++) {
      type = { type: 'record', name: `R${level}`, fields: [{ name: 'a', type }, { name: 'b', type: `R${level - 1}` }] }
    }
    return type
  }
  t.equal(outcome(nested('null'), Buffer.alloc(0)), 0)
  t.equal(outcome({ type: 'array', items: nested('null') }, bytes(7, 0)), 2)
  t.match(outcome(nested('int'), Buffer.alloc(1000)), /ends before its last field/)
  t.match(outcome({ type: 'array', items: nested('int') }, bytes(1, Buffer.alloc(1000))), /claims 1 items, but only 1000 bytes/)
})

await t.test('skips recursive types up to a depth of 1,000 records', async t => {
  const list = { type: 'record', name: 'List', fields: [{ name: 'value', type: 'long' }, { name: 'next', type: ['null', 'List'] }] }
  const nodes = (count: number): Buffer => Buffer.concat([Buffer.from('0202'.repeat(count - 1), 'hex'), bytes(1, 0)])
  t.equal(outcome(list, nodes(1000)), 2000)
  t.match(outcome(list, nodes(1001)), /more than 1000 levels/)
  t.equal(outcome(list, nodes(10)), 20, 'the depth does not count across data')
  const nodesOf = { type: 'map', values: { type: 'array', items: ['null', 'Tree'] } }
  const tree = { type: 'record', name: 'Tree', fields: [{ name: 'nodes', type: nodesOf }] }
  const level = bytes(1, 1, '61', 1, 1)
  t.equal(outcome(tree, Buffer.concat([...Array.from({ length: 999 }, () => level), Buffer.alloc(1 + 2 * 999)])), 999 * 5 + 1 + 999 * 2)
  const endless = { type: 'record', name: 'Endless', fields: [{ name: 'self', type: 'Endless' }] }
  t.match(outcome(endless, Buffer.alloc(9)), /more than 1000 levels/)
})

await t.test('a tolerant skipper skips invalid values whose end is known', async t => {
  const fields = [
    { name: 'e', type: { type: 'enum', name: 'E', symbols: ['a'] } }, { name: 'b', type: 'boolean' }, { name: 's', type: 'string' }
  ]
  const skip = skipperOf({ type: 'record', name: 'R', fields })
  const datum = bytes(7, '05', 1, 'ff')
  t.equal(skip(datum, 0, true), datum.length)
  t.throws(() => skip(datum, 0), /an enum at byte 0/)
})
