import t from 'tap'
import { parseSchema } from '../../src/avro/schema.ts'
import { tablesOf } from '../../src/export/table-columns.ts'
import { surveySchema } from '../generator/support.ts'

await t.test('records and lists of records become tables, and simple fields become columns', t => {
  const record = (name: string, ...fields: object[]) => ({ type: 'record', name, fields })
  const tables = tablesOf(parseSchema(JSON.stringify(record('alert',
    { name: 'diaSourceId', type: 'long' }, { name: 'target', type: ['null', 'string'] }, { name: 'alertId', type: 'long' },
    {
      name: 'diaSource',
      type: record('s', { name: 'diaSourceId', type: 'long' }, { name: 'tags', type: { type: 'array', items: 'int' } })
    },
    { name: 'prvDiaSources', type: ['null', { type: 'array', items: 's' }] },
    { name: 'newThing', type: ['null', record('n', { name: 'a', type: ['int', 'string'] }, { name: 'b', type: ['float', 'null'] })] },
    { name: 'cutout', type: 'bytes' }, { name: 'ids', type: { type: 'array', items: 'long' } }
  ))).root)
  const id = { name: 'diaSourceId', type: 'INT64', nullable: false }
  t.strictSame(tables, {
    source: { name: 'dia_source', field: 'diaSource', isList: false, columns: [id] },
    alertColumns: [{ name: 'target', type: 'STRING', nullable: true }],
    others: [
      { name: 'prv_dia_source', field: 'prvDiaSources', isList: true, columns: [id] },
      { name: 'new_thing', field: 'newThing', isList: false, columns: [{ name: 'b', type: 'FLOAT', nullable: true }] }
    ]
  })
  t.end()
})

await t.test('every record of the survey schemas has a table with all its fields', async t => {
  for (const [version, names] of [
    ['7.4', ['prv_dia_source', 'prv_dia_forced_source', 'prv_dia_nondetection_limit', 'dia_object', 'ss_object']],
    ['9.0', ['prv_dia_source', 'prv_dia_forced_source', 'dia_object', 'ss_source', 'mpcorb']],
    ['11.1', ['prv_dia_source', 'prv_dia_forced_source', 'dia_object', 'ss_source', 'mpc_orbits']]
  ] as const) {
    const { root } = await surveySchema(version)
    const { source, others } = tablesOf(root)
    t.strictSame(others.map(({ name }) => name), names, version)
    const record = root.fields.find(({ name }) => name === 'diaSource')!.type
    t.equal(source.columns.length, record.kind === 'record' ? record.fields.length : 0)
  }
})
