import t from 'tap'
import { parseTree } from '../../src/avro/schema-tree.ts'

const fails = (json: unknown): string => {
  try {
    parseTree(json)
    return 'no error'
  } catch (error) {
    return (error as Error).message
  }
}

await t.test('accepts schemas that avsc rejects for reasons that do not affect the encoding', async t => {
  const field = (attributes: object) => ({ type: 'record', name: 'R', fields: [{ name: 'f', type: 'int', ...attributes }] })
  for (const json of [
    field({ default: 'not an int' }), field({ order: 'sideways' }), field({ name: 'größe' }), field({ name: '__proto__' }),
    field({ type: ['null', 'null'] }), field({ aliases: 7 }), field({ type: [] }),
    { type: 'enum', name: 'Ünum', symbols: ['ä', 'constructor'], default: 'x' }, { type: 'enum', name: 'E', symbols: [] },
    { type: 'fixed', name: 'F', size: 0 }, { type: 'long', logicalType: 7 }, { type: 'record', name: 'constructor', fields: [] }
  ]) t.equal(fails(json), 'no error', JSON.stringify(json))
})

await t.test('rejects a schema that does not determine how data are encoded', async t => {
  const fixed = { type: 'fixed', name: 'F', size: 1 }
  const record = (fields: unknown) => ({ type: 'record', name: 'R', fields })
  let deep: unknown = 'int'
  for (let level = 0; level < 5000; level++) deep = { type: 'array', items: deep }
  const cases: Array<[unknown, RegExp]> = [
    ['nowhere', /"nowhere" is not defined/], ['constructor', /"constructor" is not defined/], ['__proto__', /is not defined/],
    [null, /null is not a type/], [undefined, /undefined is not a type/], [{}, /undefined is not a type/],
    [record(undefined), /no list of fields/], [record([null]), /a field name of R is undefined/],
    [record([{ name: 'f' }]), /undefined is not a type/],
    [{ type: 'record', fields: [] }, /the name of the record is undefined/], [{ type: 'enum', name: 'E' }, /no list of symbols/],
    [{ type: 'enum', name: 'E', symbols: [1] }, /a symbol is 1/], [{ type: 'fixed', name: 'F', size: -1 }, /-1 is not the size/],
    [{ type: 'array' }, /undefined is not a type/], [[fixed, fixed], /F is defined twice/],
    [deep, /more than 200 levels/]
  ]
  for (const [json, message] of cases) t.match(fails(json), message)
})

await t.test('resolves names by namespace; nodes of a recursive type form a cycle', async t => {
  const root = parseTree({
    type: 'record', name: 'a.R', fields: [{ name: 'self', type: ['null', 'R'] }, { name: 'list', type: { type: 'array', items: 'a.R' } }]
  })
  if (root.kind !== 'record') throw new Error('not a record')
  const [self, list] = root.fields
  t.ok(self?.type.kind === 'union' && self.type.branches[1] === root)
  t.ok(list?.type.kind === 'array' && list.type.items === root)
})
