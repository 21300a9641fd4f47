import t from 'tap'
import { parseSchema, resolver, type AlertSchema, type AlertValue, type ResolutionOptions } from '../../src/avro/index.ts'

const record = (fields: unknown[], more: object = {}) => parseSchema(JSON.stringify({ type: 'record', name: 'alert', fields, ...more }))
const long = (name: string) => ({ name, type: 'long' })

/** Returns a function that resolves a datum and decodes the result. */
function reading (writer: AlertSchema, reader: AlertSchema, options?: ResolutionOptions): (datum: Buffer) => AlertValue {
  const resolve = resolver(writer, reader, options)
  return datum => reader.decode(resolve(datum))
}

function resolve (writerFields: unknown[], readerFields: unknown[], value: AlertValue, options?: ResolutionOptions): AlertValue {
  const writer = record(writerFields)
  return reading(writer, record(readerFields, { namespace: 'other' }), options)(writer.encode(value))
}

await t.test('matches fields by name in any order, drops writer-only fields and fills reader-only fields with defaults', async t => {
  const writer = [long('id'), { name: 'gone', type: { type: 'array', items: 'string' } }, { name: 'kept', type: 'string' }]
  const reader = [
    { name: 'kept', type: 'string' }, long('id'), { name: 'fresh', type: ['null', 'int'], default: null },
    { name: 'list', type: { type: 'array', items: 'int' }, default: [1] }
  ]
  t.same(resolve(writer, reader, { id: 1n, gone: ['a', 'b'], kept: 'k' }), { kept: 'k', id: 1n, fresh: null, list: [1] })
})

await t.test('matches fields by reader aliases, but ignores an alias that is the name of another reader field', async t => {
  t.same(resolve([long('old')], [{ ...long('fresh'), aliases: ['older', 'old'] }], { old: 5n }), { fresh: 5n })
  t.same(
    resolve([long('a'), long('b')], [{ ...long('c'), aliases: ['b'], default: 9 }, long('b'), long('a')], { a: 1n, b: 2n }),
    { c: 9n, b: 2n, a: 1n }
  )
})

await t.test('matches fields and records whose names are also properties of every object', async t => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
    const inner = { name, type: { type: 'record', name: `x.${name}`, fields: [{ name, type: 'int' }] } }
    const value = { id: 1n, [name]: { [name]: 3 }, gone: 2n }
    t.same(resolve([long('id'), inner, long('gone')], [long('id'), inner], value), { id: 1n, [name]: { [name]: 3 } }, name)
    t.same(resolve([long('id')], [long('id'), { name, type: 'int', default: 7 }], { id: 1n }), { id: 1n, [name]: 7 }, name)
    t.throws(() => resolve([long('id')], [long('id'), long(name)], { id: 1n }), {
      code: 'RESOLUTION_IMPOSSIBLE', message: new RegExp(`${name}: long, no default`)
    })
  }
})

await t.test('reads and writes types, fields and symbols whose names are also properties of every object', async t => {
  // The encoding does not depend on names, so a schema with plain names writes and checks the data.
  const schemaOf = (name: string, symbol: string, more: unknown[] = []) => record([
    long('id'), { name, type: 'int' },
    { name: 'inner', type: { type: 'record', name, fields: [{ name, type: ['null', name] }] } },
    { name: 'e', type: { type: 'enum', name: `${name}.e`, symbols: ['first', symbol] } },
    { name: 'f', type: ['null', `${name}.e`] }, ...more
  ])
  const plain = schemaOf('plain', 'other')
  const value = { id: 1n, plain: 2, inner: { plain: { plain: null } }, e: 'other', f: 'first' }
  for (const name of ['constructor', 'toString', '__proto__']) {
    const [writer, reader] = [schemaOf(name, name), schemaOf(name, name, [{ name: 'new', type: 'int', default: 7 }])]
    const datum = resolver(writer, reader)(plain.encode(value))
    const read = reader.decode(datum)
    t.same([read['e'], read['f'], read['new']], [name, 'first', 7])
    t.ok(datum.subarray(0, -1).equals(plain.encode(value)), name)
    t.ok(writer.encode(writer.decode(plain.encode(value))).equals(plain.encode(value)), name)
    const message = 'the value does not match alert: e: string is not enum'
    t.throws(() => plain.encode({ ...value, e: name }), { code: 'VALUE_INVALID', message }, 'an enum has only its own symbols')
  }
})

await t.test('promotes numbers and converts between strings and bytes', async t => {
  const pairs: Array<[string, string, unknown, unknown]> = [
    ['int', 'long', 5, 5n], ['int', 'float', 5, 5], ['int', 'double', 5, 5], ['long', 'float', 5n, 5],
    ['long', 'double', 2n ** 40n, 2 ** 40],
    ['float', 'double', 1.5, 1.5], ['string', 'bytes', 'é', Buffer.from('é')], ['bytes', 'string', Buffer.from('é'), 'é']
  ]
  for (const [from, to, value, expected] of pairs) {
    t.same(resolve([{ name: 'x', type: from }], [{ name: 'x', type: to }], { x: value }), { x: expected }, `${from} -> ${to}`)
    t.same(resolve([{ name: 'x', type: from }], [{ name: 'x', type: ['null', to] }], { x: value }), { x: expected }, `${from} -> union`)
    t.same(
      resolve([{ name: 'x', type: ['null', from] }], [{ name: 'x', type: ['null', to] }], { x: null }), { x: null },
      `union ${from} -> union, null`
    )
    t.same(
      resolve([{ name: 'x', type: ['null', from] }], [{ name: 'x', type: to }], { x: value }), { x: expected }, `union ${from} -> ${to}`
    )
    t.same(
      resolve(
        [{ name: 'x', type: { type: 'array', items: from } }], [{ name: 'x', type: { type: 'array', items: to } }], { x: [value, value] }
      ),
      { x: [expected, expected] }
    )
    const map = resolve(
      [{ name: 'x', type: { type: 'map', values: from } }], [{ name: 'x', type: { type: 'map', values: to } }], { x: { k: value } }
    )
    t.same((map['x'] as AlertValue)['k'], expected)
  }
  for (const [from, to] of [['long', 'int'], ['double', 'float'], ['string', 'int'], ['boolean', 'int'], ['null', 'int']]) {
    t.throws(
      () => resolver(record([{ name: 'x', type: from }]), record([{ name: 'x', type: to }])),
      { code: 'RESOLUTION_IMPOSSIBLE', message: `x: ${from} cannot be read as ${to}` }
    )
  }
})

await t.test('in a union, prefers a branch of the same type to a promotion', async t => {
  t.same(resolve([{ name: 'x', type: 'long' }], [{ name: 'x', type: ['double', 'long'] }], { x: 2n ** 62n }), { x: 2n ** 62n })
  t.same(
    resolve([{ name: 'x', type: 'int' }], [{ name: 'x', type: ['float', 'double'] }], { x: 3 }), { x: { float: 3 } },
    'a value of an ambiguous union is wrapped'
  )
})

await t.test('matches named types by unqualified name', async t => {
  const version = (v: string) => parseSchema(JSON.stringify({
    type: 'record', name: 'alert', namespace: `lsst.${v}`,
    fields: [long('id'), { name: 'source', type: { type: 'record', name: 'diaSource', fields: [long('n')] } },
      { name: 'prior', type: ['null', { type: 'array', items: `lsst.${v}.diaSource` }], default: null },
      { name: 'band', type: { type: 'enum', name: 'band', symbols: v === 'v1' ? ['u', 'g'] : ['g', 'r', 'u'] } },
      { name: 'hash', type: { type: 'fixed', name: 'hash', size: 2 } }]
  }))
  const value = { id: 1n, source: { n: 2n }, prior: [{ n: 3n }], band: 'u', hash: Buffer.from('ab') }
  t.same(reading(version('v1'), version('v2'))(version('v1').encode(value)), value)
  const renamed = parseSchema('{"type":"record","name":"packet","fields":[{"name":"id","type":"long"}]}')
  t.throws(
    () => resolver(renamed, record([long('id')])),
    { code: 'RESOLUTION_IMPOSSIBLE', message: /record packet cannot be read as record alert/ }
  )
  t.same(reading(renamed, record([long('id')], { aliases: ['packet'] }))(renamed.encode({ id: 1n })), { id: 1n })
})

await t.test('rejects a record with an enum symbol that the reader does not have', async t => {
  const band = (symbols: string[], more: object = {}) => [{ name: 'band', type: { type: 'enum', name: 'band', symbols, ...more } }]
  const writer = record(band(['u', 'g']))
  const strict = reading(writer, record(band(['g'])))
  t.same(strict(writer.encode({ band: 'g' })), { band: 'g' })
  t.throws(() => strict(writer.encode({ band: 'u' })), { code: 'RESOLUTION_IMPOSSIBLE', message: /band: .*neither "u" nor a default/ })
})

await t.test('resolves recursive types', async t => {
  const tree = (items: string, namespace: string) => parseSchema(JSON.stringify({
    type: 'record', name: 'alert', namespace, fields: [
      { name: 'v', type: items }, { name: 'next', type: ['null', `${namespace}.alert`], default: null }
    ]
  }))
  const writer = tree('int', 'a')
  t.same(
    reading(writer, tree('long', 'b'))(writer.encode({ v: 1, next: { v: 2, next: { v: 3, next: null } } })),
    { v: 1n, next: { v: 2n, next: { v: 3n, next: null } } }
  )
})

await t.test('if no alert can be resolved, the error lists every failing field by path', async t => {
  const inner = (fields: unknown[]) => ({ type: 'record', name: 'inner', fields })
  const writer = record([
    long('id'), { name: 'inner', type: inner([long('a')]) }, { name: 'text', type: 'string' },
    { name: 'list', type: { type: 'array', items: 'string' } }
  ])
  const reader = record([
    long('key'), { name: 'inner', type: inner([long('a'), long('b')]) }, { name: 'text', type: 'int' },
    { name: 'list', type: { type: 'array', items: 'int' } }
  ])
  const error = { code: 'RESOLUTION_IMPOSSIBLE', retryable: false, where: 'alert -> alert' }
  const attempt = () => resolver(writer, reader)
  t.throws(attempt, error)
  for (const part of [
    'key: long, no default in the reader, no such field in the writer', 'inner.b: long, no default', 'text: string cannot be read as int',
    'and in alerts that have them: list[]: string cannot be read as int'
  ]) {
    t.throws(attempt, { message: new RegExp(part.replaceAll('[]', '\\[\\]')) })
  }
})

await t.test('resolves unions and arrays by the values of each record, and reads the complete record even if that fails', async t => {
  const inner = (fields: unknown[]) => ({ type: 'record', name: 'inner', fields })
  const writer = record([
    { name: 'maybe', type: ['null', inner([long('a')])] }, { name: 'list', type: { type: 'array', items: ['null', 'int'] } },
    { name: 'last', type: 'string' }
  ])
  const reader = record([
    { name: 'maybe', type: ['null', inner([long('a'), long('b')])] }, { name: 'list', type: { type: 'array', items: 'int' } },
    { name: 'last', type: 'string' }
  ])
  const read = reading(writer, reader)
  t.same(read(writer.encode({ maybe: null, list: [1, 2], last: 'z' })), { maybe: null, list: [1, 2], last: 'z' })
  const bad = writer.encode({ maybe: { a: 1n }, list: [1, null], last: 'z' })
  t.throws(() => read(bad), {
    code: 'RESOLUTION_IMPOSSIBLE',
    message: 'maybe.b: long, no default in the reader, no such field in the writer; list[]: null cannot be read as int'
  })
  t.same(
    read(writer.encode({ maybe: null, list: [], last: 'z' })), { maybe: null, list: [], last: 'z' },
    'a failure does not affect later records'
  )
  t.throws(() => read(bad.subarray(0, -1)), { code: 'DATUM_INVALID' })
  t.throws(() => read(Buffer.concat([bad, bad])), { code: 'DATUM_INVALID' })
})

await t.test('uses only the given renames and fill-ins', async t => {
  const source = (fields: unknown[]) => [long('id'), { name: 'source', type: { type: 'record', name: 'diaSource', fields } }]
  const writer = record(source([{ name: 'old', type: 'double' }, { name: 'count', type: ['null', 'int'] }]))
  const reader = record(source([{ name: 'fresh', type: 'double' }, { name: 'count', type: 'int' }, { name: 'time', type: 'double' }]))
  const aliases = { diaSource: { fresh: ['old'] } }
  const fillIns = { diaSource: { count: 0, time: NaN, fresh: -1 } }
  const bytes = (count: number | null) => writer.encode({ id: 1n, source: { old: 2.5, count } })
  t.throws(() => resolver(writer, reader, { aliases }), { message: /source\.time/ })
  t.same(reading(writer, reader, { aliases, fillIns })(bytes(null)), { id: 1n, source: { fresh: 2.5, count: 0, time: NaN } })
  t.same(reading(writer, reader, { aliases, fillIns })(bytes(4)), { id: 1n, source: { fresh: 2.5, count: 4, time: NaN } })
  t.same(reading(writer, reader, { aliases: {}, fillIns })(bytes(4)), { id: 1n, source: { fresh: -1, count: 4, time: NaN } })
})

await t.test('caches the resolver of a pair of schemas', async t => {
  const writer = record([long('a')])
  const reader = record([long('a'), { ...long('b'), default: 1 }])
  t.equal(resolver(writer, reader), resolver(writer, reader))
  t.not(resolver(writer, reader), resolver(writer, reader, { aliases: {} }))
  t.same(reading(writer, writer)(writer.encode({ a: 5n })), { a: 5n }, 'a schema resolves to itself')
})
