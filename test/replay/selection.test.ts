import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { encodeId, rubinIds } from '../../src/ids/packed-id.ts'
import { groupSuffix, openSelection } from '../../src/replay/selection.ts'
import { tempDir } from '../support/stack.ts'

const none = { night: undefined, visit: undefined, ids: undefined }
const empty = { url: 'gs://empty', async * list () {} }

await t.test('a night and a visit include the ids of their ranges', async t => {
  const [night, visit] = await Promise.all([
    openSelection({ ...none, night: '20260224' }, rubinIds), openSelection({ ...none, visit: '2026022400007' }, rubinIds)
  ])
  t.match([night, visit], [{ name: 'night 20260224', night: '20260224' }, { name: 'visit 2026022400007', night: '20260224' }])
  t.strictSame([night, visit].map(groupSuffix), ['20260224', '2026022400007'])
  const id = (sequence: number) => encodeId({ tag: 4, night: '20260224', sequence, detector: 3, counter: 9 })
  t.strictSame([id(7), id(8), 1n].map(each => [night.includes(each), visit.includes(each)]), [[true, true], [true, false], [false, false]])
})

await t.test('a file of ids has one id or IAU name per line', async t => {
  const path = join(await tempDir(t), 'ids')
  await writeFile(path, '17\r\n\n LSST-AP-DS-18 \n17')
  const selection = await openSelection({ ...none, ids: path }, rubinIds)
  const ids: bigint[] = []
  for await (const id of selection.ids(empty)) ids.push(id)
  t.strictSame(ids, [17n, 18n, 17n])
  const hash = createHash('sha256').update('17\r\n\n LSST-AP-DS-18 \n17').digest('hex').slice(0, 16)
  t.equal(groupSuffix(selection), `ids-${hash}`)
  const wrong = [['', /has no ids/], ['1\n-2\n', /"-2" is not an alert id/], ['9223372036854775808', /is not an alert id/]] as const
  for (const [text, message] of wrong) {
    await writeFile(path, text)
    await t.rejects(openSelection({ ...none, ids: path }, rubinIds), { code: 'REPLAY_IDS', message })
  }
})
