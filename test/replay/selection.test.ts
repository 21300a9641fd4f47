import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { encodeId, rubinIds } from '../../src/ids/packed-id.ts'
import { groupSuffix, openSelection, type Selection, type SelectionFlags } from '../../src/replay/selection.ts'
import { tempDir } from '../support/stack.ts'

const none = { night: undefined, visit: undefined, ids: undefined }
const opened = async (flags: Partial<SelectionFlags>, maxAlerts = 1000): Promise<Selection> =>
  await openSelection({ ...none, ...flags }, rubinIds, maxAlerts)

async function idsOf (selection: Selection): Promise<bigint[]> {
  const ids: bigint[] = []
  for await (const id of selection.ids({ url: 'gs://empty', async * list () {} })) ids.push(id)
  return ids
}

await t.test('a night and a visit include the ids of their ranges', async t => {
  const [night, visit] = await Promise.all([
    opened({ night: '20260224' }), opened({ visit: '2026022400007' })
  ])
  t.match([night, visit], [{ name: 'night 20260224', night: '20260224' }, { name: 'visit 2026022400007', night: '20260224' }])
  t.strictSame([night, visit].map(groupSuffix), ['20260224', '2026022400007'])
  const id = (sequence: number) => encodeId({ tag: 4, night: '20260224', sequence, detector: 3, counter: 9 })
  t.strictSame([id(7), id(8), 1n].map(each => [night.includes(each), visit.includes(each)]), [[true, true], [true, false], [false, false]])
})

await t.test('a file of ids has one id or IAU name per line', async t => {
  const path = join(await tempDir(t), 'ids')
  await writeFile(path, '17\r\n\n LSST-AP-DS-18 \n17')
  const selection = await opened({ ids: path })
  t.strictSame(await idsOf(selection), [17n, 18n, 17n])
  const hash = createHash('sha256').update('17\r\n\n LSST-AP-DS-18 \n17').digest('hex').slice(0, 16)
  t.equal(groupSuffix(selection), `ids-${hash}`)
  const wrong = [['', /has no ids/], ['1\n-2\n', /"-2" is not an alert id/], ['9223372036854775808', /is not an alert id/]] as const
  for (const [text, message] of wrong) {
    await writeFile(path, text)
    await t.rejects(opened({ ids: path }), { code: 'REPLAY_IDS', message })
  }
})

await t.test('a file of ids is read in parts, up to --max-alerts ids', async t => {
  const path = join(await tempDir(t), 'ids')
  const all = Array.from({ length: 100_000 }, (_, counter) =>
    encodeId({ tag: 2, night: '20260224', sequence: 7, detector: 3, counter }))
  const text = all.join('\n')
  await writeFile(path, text)
  const selection = await opened({ ids: path }, all.length)
  t.equal(selection.name, `ids ${createHash('sha256').update(text).digest('hex').slice(0, 16)}`)
  t.strictSame(await idsOf(selection), all)
  t.strictSame(await idsOf(selection), all, 'again')
  await t.rejects(opened({ ids: path }, all.length - 1), { code: 'REPLAY_TOO_MANY', message: /^more than 99999 alerts are selected/ })

  // The first id that is too many ends the reading, so the rest does not matter.
  await writeFile(path, `1\n2\n3\n${' '.repeat(200_000)}\nno id`)
  await t.rejects(opened({ ids: path }, 2), { code: 'REPLAY_TOO_MANY' })
  await t.rejects(opened({ ids: path }), { code: 'REPLAY_IDS', message: /^"no id" is not an alert id/, where: `${path}:5` })
  await writeFile(path, `1${' '.repeat(200_000)}\n2`)
  t.strictSame(await idsOf(await opened({ ids: path })), [1n, 2n])
  await writeFile(path, `1\n${'x'.repeat(1_000_000)}`)
  await t.rejects(opened({ ids: path }), { code: 'REPLAY_IDS', message: /^"x{40}" is not an alert id/, where: `${path}:2` })
})
