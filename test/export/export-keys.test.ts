import t from 'tap'
import { alertGroups, existingGroups, exportKey, type AlertGroup } from '../../src/export/export-keys.ts'
import { encodeId, rubinIds } from '../../src/ids/packed-id.ts'

const night = '20260224'
const idOf = (sequence: number, counter: number, tag = 2): bigint => encodeId({ tag, night, sequence, detector: 1, counter })

async function groupsOf (ids: readonly bigint[], size: number) {
  const groups: AlertGroup[] = []
  for await (const group of alertGroups((async function * () { yield * ids })(), rubinIds, size)) groups.push(group)
  return groups
}

await t.test('a group has the alerts of one visit, and a large visit has several groups', async t => {
  const ids = [idOf(1, 1), idOf(1, 1, 4), idOf(1, 2), idOf(1, 3), idOf(1, 4), idOf(2, 0), idOf(3, 0), idOf(3, 1)]
  const groups = await groupsOf(ids, 2)
  t.strictSame(groups.flatMap(group => group.ids), ids)
  t.strictSame(groups.map(({ name, ids }) => [name.slice(0, 16), ids.length]), [
    ['2026022400001-01', 2], ['2026022400001-02', 2], ['2026022400001-03', 1], ['2026022400002-01', 1], ['2026022400003-01', 2]
  ])
  t.strictSame(await groupsOf([], 2), [])
})

await t.test('the name of a group depends on all its ids', async t => {
  const nameOf = async (...counters: number[]): Promise<string> => (await groupsOf(counters.map(counter => idOf(1, counter)), 5))[0]!.name
  t.equal(await nameOf(1, 2), await nameOf(1, 2))
  t.not(await nameOf(1, 2), await nameOf(1, 3))
})

await t.test('a group is complete if its last file exists', async t => {
  const [first, second] = await groupsOf([idOf(1, 1), idOf(2, 1)], 5)
  const keys = [
    exportKey('parquet', night, 'prv_dia_source', first!.name, 1, false), exportKey('parquet', night, 'dia_source', first!.name, 2, true),
    exportKey('parquet', night, 'dia_source', second!.name, 1, false), `parquet/${night}/readme.txt`
  ]
  t.equal(keys[1], `parquet/20260224/dia_source/${first!.name}-0002-last.parquet`)
  t.equal(exportKey('ocf', night, undefined, first!.name, 12345, false), `ocf/20260224/${first!.name}-12345.avro`)
  const store = { async * list (prefix: string) { yield * keys.filter(key => key.startsWith(prefix)) } }
  t.strictSame(await existingGroups(store, 'parquet', night), {
    begun: new Set([first!.name, second!.name]), complete: new Set([first!.name])
  })
  t.strictSame(await existingGroups(store, 'ocf', night), { begun: new Set(), complete: new Set() })
})
