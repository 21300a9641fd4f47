import t from 'tap'
import { AlertStreamError } from '../../src/pipeline/errors.ts'
import { createAlertGenerator } from '../../src/generator/index.ts'
import { type RecordType, castTo, parseAlertSchema } from '../../src/generator/schema.ts'

const code = (run: () => unknown): string => {
  try {
    run()
    return 'nothing thrown'
  } catch (error) {
    return error instanceof AlertStreamError ? error.code : String(error)
  }
}

await t.test('references by relative and by full name reach the type of their first use', async t => {
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

await t.test('a cast always yields a valid value of the type', async t => {
  const cast = (kind: 'float' | 'double' | 'int' | 'long' | 'string' | 'boolean' | 'bytes', nullable: boolean, logical?: string): (value: never) => unknown =>
    castTo({ nullable, branch: { kind, ...(logical === undefined ? {} : { logical }) } })
  t.equal(cast('float', false)(0.1 as never), Math.fround(0.1))
  t.equal(cast('float', true)(1e39 as never), null, 'beyond float32')
  t.equal(cast('double', false)(Number.NaN as never), 0)
  t.equal(cast('int', false)(7.9 as never), 7)
  t.equal(cast('long', false)(7.9 as never), 7n)
  t.equal(cast('long', false)(undefined as never), 0n)
  t.equal(cast('long', true)('text' as never), null)
  t.equal(cast('string', false)(12n as never), '12')
  t.equal(cast('boolean', true)(1 as never), null)
  t.same(cast('bytes', false)(null as never), Buffer.alloc(0))
  t.equal(cast('long', false, 'timestamp-micros')(40587.5 as never), BigInt(43200 - 37) * 1_000_000n, 'MJD TAI to microseconds UTC')
})

await t.test('what is no alert schema is refused with a code', async t => {
  const create = (schema: unknown) => (): unknown => createAlertGenerator({ schema, schemaVersion: '1.0', seed: 1 })
  const fields = [{ name: 'diaSourceId', type: 'long' }, { name: 'diaSource', type: 'elsewhere' }]
  t.equal(code(create(null)), 'GENERATOR_SCHEMA_UNUSABLE')
  t.equal(code(create('string')), 'GENERATOR_SCHEMA_UNUSABLE')
  t.equal(code(create({ type: 'record', name: 'a' })), 'GENERATOR_SCHEMA_UNUSABLE')
  t.equal(code(create({ type: 'record', name: 'a', fields })), 'GENERATOR_SCHEMA_UNUSABLE', 'a type that is defined nowhere')
  t.equal(code(create({ type: 'record', name: 'a', fields: fields.slice(0, 1) })), 'GENERATOR_SCHEMA_UNUSABLE', 'no diaSource')
})
