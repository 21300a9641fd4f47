import t from 'tap'
import { createAlertGenerator } from '../../src/generator/alert-generator.ts'
import { castTo, parseAlertSchema, type RecordType } from '../../src/generator/schema.ts'

await t.test('resolves references to named types by relative and by full name', async t => {
  const record = parseAlertSchema({
    type: 'record',
    name: 'a.b.top',
    fields: [
      { name: 'one', type: { type: 'record', name: 'inner', fields: [{ name: 'x', type: 'float' }] } },
      { name: 'two', type: ['null', 'inner'] },
      { name: 'three', type: { type: 'array', items: 'a.b.inner' } },
      { name: 'when', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }] }
    ]
  })
  const inner = record.fields[0]!.type.branch as RecordType
  t.equal(record.fields[1]!.type.branch, inner)
  t.ok(record.fields[1]!.type.nullable)
  const list = record.fields[2]!.type.branch
  t.equal(list.kind === 'array' && list.items.branch, inner)
  t.same(record.fields[3]!.type.branch, { kind: 'long', logical: 'timestamp-micros' })
})

await t.test('a cast to any type returns a valid value of that type', async t => {
  type Kind = 'float' | 'double' | 'int' | 'long' | 'string' | 'boolean' | 'bytes'
  const cast = (kind: Kind, nullable: boolean, logical?: string): (value: never) => unknown =>
    castTo({ nullable, branch: { kind, ...(logical === undefined ? {} : { logical }) } })
  t.equal(cast('float', false)(0.1 as never), Math.fround(0.1))
  t.equal(cast('float', true)(1e39 as never), null, '1e39 is out of the range of float32')
  t.equal(cast('double', false)(Number.NaN as never), 0)
  t.equal(cast('int', false)(7.9 as never), 7)
  t.equal(cast('long', false)(7.9 as never), 7n)
  t.equal(cast('long', false)(undefined as never), 0n)
  t.equal(cast('long', true)('text' as never), null)
  t.equal(cast('string', false)(12n as never), '12')
  t.equal(cast('boolean', true)(1 as never), null)
  t.same(cast('bytes', false)(null as never), Buffer.alloc(0))
  t.equal(cast('long', false, 'timestamp-micros')(40587.5 as never), BigInt(43200 - 37) * 1_000_000n, 'MJD TAI becomes microseconds UTC')
})

await t.test('a schema that is not an alert schema throws GENERATOR_SCHEMA_UNUSABLE', async t => {
  const fields = [{ name: 'diaSourceId', type: 'long' }, { name: 'diaSource', type: 'elsewhere' }]
  const unusable: [string, unknown][] = [
    ['null', null],
    ['not a record', 'string'],
    ['no fields', { type: 'record', name: 'a' }],
    ['undefined type', { type: 'record', name: 'a', fields }],
    ['no diaSource', { type: 'record', name: 'a', fields: fields.slice(0, 1) }]
  ]
  for (const [name, schema] of unusable) {
    t.throws(() => createAlertGenerator({ schema, schemaVersion: '1.0', seed: 1 }), { code: 'GENERATOR_SCHEMA_UNUSABLE' }, name)
  }
})

await t.test('generates fields whose names are also properties of every object', async t => {
  const names = ['constructor', 'toString', 'hasOwnProperty', '__proto__']
  const source = { type: 'record', name: 'diaSource', fields: names.map(name => ({ name, type: 'long' })) }
  const texts = names.map(name => ({ name, type: 'string' }))
  const fields = [{ name: 'diaSourceId', type: 'long' }, ...texts, { name: 'diaSource', type: source }]
  const generator = createAlertGenerator({ schema: { type: 'record', name: 'alert', fields }, schemaVersion: '1.0', seed: 1 })
  const alert = generator.alert(0, 0, 1)
  for (const name of names) {
    t.type(Object.getOwnPropertyDescriptor(alert, name)?.value, 'string', name)
    t.type(Object.getOwnPropertyDescriptor(alert['diaSource'], name)?.value, 'bigint', name)
  }
})
