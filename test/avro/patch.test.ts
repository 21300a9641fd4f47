import type avro from 'avsc'
import t from 'tap'
import { parseSchema, type AlertValue } from '../../src/avro/index.ts'
import { patch, scanner, type FieldPath, type NumberKind } from '../../src/avro/patch.ts'
import { encodeLong } from '../../src/avro/varint.ts'

const schema = parseSchema(JSON.stringify({
  type: 'record', name: 'alert', namespace: 'test',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'text', type: 'string' },
    {
      name: 'source', type: {
        type: 'record', name: 'source',
        fields: [
          { name: 'time', type: ['null', 'double'] }, { name: 'flag', type: 'boolean' }, { name: 'id', type: 'long' },
          { name: 'chip', type: 'int' }, { name: 'small', type: 'float' }
        ]
      }
    },
    { name: 'earlier', type: ['null', { type: 'array', items: 'test.source' }] },
    { name: 'names', type: { type: 'map', values: 'long' } },
    { name: 'kind', type: { type: 'enum', name: 'kind', symbols: ['a', 'b'] } },
    { name: 'image', type: ['null', 'bytes'] }
  ]
}))
const source = (id: bigint, time: number | null = 1.5) => ({ time, flag: true, id, chip: 7, small: 0.5 })
const value = (more: Partial<AlertValue> = {}): AlertValue => ({
  id: 3n, text: 'any', source: source(-(2n ** 63n)),
  earlier: [source(1n), source(2n ** 63n - 1n, null), source(300n, NaN)],
  names: { a: 1n }, kind: 'b', image: Buffer.alloc(1000, 9), ...more
})

await t.test('calls tagOf once per number field and finds the tagged fields with value and offsets', async t => {
  const calls: Array<FieldPath & { kind: NumberKind }> = []
  const scan = scanner(schema, (path, kind) => {
    calls.push({ ...path, kind })
    return kind === 'int' ? undefined : `${path.root}.${path.field}`
  })
  const numbers = (root: string) => [['time', 'double'], ['id', 'long'], ['chip', 'int']].map(
    ([field, kind]) => ({ record: 'source', field, root, first: false, kind })
  )
  t.strictSame(
    calls, [{ record: 'alert', field: 'id', root: 'id', first: true, kind: 'long' }, ...numbers('source'), ...numbers('earlier')]
  )
  const datum = schema.encode(value())
  const { found, blocks } = scan(Buffer.concat([Buffer.from('head'), datum]), 4)
  t.strictSame(blocks, [])
  t.strictSame(found.map(({ tag, value }) => [tag, value]), [
    ['id.id', 3n], ['source.time', 1.5], ['source.id', -(2n ** 63n)],
    ['earlier.time', 1.5], ['earlier.id', 1n], ['earlier.id', 2n ** 63n - 1n], ['earlier.time', NaN], ['earlier.id', 300n]
  ])
  for (const { kind, start, end, value } of found) {
    if (kind === 'long') t.strictSame(datum.subarray(start - 4, end - 4), encodeLong(value as bigint))
    else t.equal(end - start, 8)
  }
})

await t.test('applies edits of any length and keeps all other bytes', async t => {
  const bytes = Buffer.from('0123456789')
  const edit = (start: number, end: number, text: string) => ({ start, end, bytes: Buffer.from(text) })
  t.equal(patch(bytes, []).toString(), '0123456789')
  t.equal(patch(bytes, [edit(9, 10, ''), edit(0, 1, 'begin'), edit(4, 6, '--'), edit(6, 7, 'longer')]).toString(), 'begin123--longer78')
})

await t.test('replacing longs by longs of other lengths gives the same bytes as encoding the changed value', async t => {
  const scan = scanner(schema, ({ field }, kind) => kind === 'long' && field === 'id' ? true : undefined)
  const datum = schema.encode(value())
  const { found } = scan(datum, 0)
  const ids = [2n ** 62n, 0n, -1n, 70_000n, 5n]
  const changed = patch(datum, found.map(({ start, end }, index) => ({ start, end, bytes: encodeLong(ids[index]!) })))
  t.strictSame(
    changed,
    schema.encode(value({ id: ids[0], source: source(ids[1]!), earlier: [source(ids[2]!), source(ids[3]!, null), source(ids[4]!, NaN)] }))
  )
})

await t.test('removes the byte size from array blocks when a datum is edited', async t => {
  const plain = schema.encode(value())
  const items = [source(1n), source(2n ** 63n - 1n, null), source(300n, NaN)].map(each => avroBytes('source', each))
  const body = Buffer.concat(items)
  const at = plain.indexOf(body)
  t.equal(plain[at - 1], 6, 'the array has one block of three items')
  const [first, rest] = [items[0]!, Buffer.concat(items.slice(1))]
  const sized = Buffer.concat([
    plain.subarray(0, at - 1), encodeLong(-1n), encodeLong(first.length), first, encodeLong(-2n), encodeLong(rest.length), rest,
    plain.subarray(at + body.length)
  ])
  t.strictSame(schema.decode(sized), schema.decode(plain), 'blocks with a byte size decode to the same value')
  const { found, blocks } = scanner(schema, ({ root, field }) => root === 'earlier' && field === 'id' ? true : undefined)(sized, 0)
  const changed = patch(sized, [...found.map(({ start, end }) => ({ start, end, bytes: encodeLong(2n ** 61n) })), ...blocks])
  t.strictSame(
    schema.decode(changed),
    schema.decode(schema.encode(value({ earlier: [source(2n ** 61n), source(2n ** 61n, null), source(2n ** 61n, NaN)] })))
  )
})

function avroBytes (field: string, each: object): Buffer {
  const { fields } = schema.type as unknown as { fields: Array<{ name: string, type: avro.Type }> }
  const { type } = fields.find(({ name }) => name === field)!
  return type.toBuffer(each)
}

await t.test('does not enter a recursive type again inside itself; finds nothing in a schema without tagged fields', async t => {
  const list = parseSchema(
    JSON.stringify({ type: 'record', name: 'node', fields: [{ name: 'n', type: 'long' }, { name: 'next', type: ['null', 'node'] }] })
  )
  const datum = list.encode({ n: 1n, next: { n: 2n, next: null } })
  t.strictSame(scanner(list, () => true)(datum, 0).found.map(({ value }) => value), [1n])
  t.strictSame(scanner(list, () => undefined)(datum, 0), { found: [], blocks: [] })
})

await t.test('rejects data that are truncated, too long or do not match the schema', async t => {
  const scan = scanner(schema, () => true)
  const datum = schema.encode(value())
  for (let length = 0; length < datum.length; length += length < 120 ? 1 : 97) {
    t.throws(() => scan(datum.subarray(0, length), 0), { code: 'DATUM_INVALID' }, `${length} bytes`)
  }
  t.throws(() => scan(Buffer.concat([datum, Buffer.from([0])]), 0), { code: 'DATUM_INVALID', message: /1 of its \d+ bytes are left over/ })
  const image = datum.lastIndexOf(encodeLong(1000)) - 1
  t.throws(
    () => scan(Buffer.concat([datum.subarray(0, image), encodeLong(5)]), 0), { code: 'DATUM_INVALID' },
    'an invalid branch of a skipped union'
  )
  const branch = 1 + 1 + 'any'.length
  t.throws(
    () => scan(Buffer.concat([datum.subarray(0, branch), encodeLong(5), datum.subarray(branch + 1)]), 0),
    { code: 'DATUM_INVALID', message: /a union has no branch 5/ }
  )
  t.throws(() => scan(Buffer.concat([encodeLong(3), encodeLong(-1), datum.subarray(2)]), 0), { code: 'DATUM_INVALID' }, 'a negative length')
})
