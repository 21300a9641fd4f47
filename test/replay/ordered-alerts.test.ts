import t from 'tap'
import { silent } from '../../src/pipeline/index.ts'
import { orderedAlerts } from '../../src/replay/ordered-alerts.ts'
import type { Selection } from '../../src/replay/selection.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { idOf, writeSegment } from '../search/support.ts'
import { tempDir } from '../support/stack.ts'

const [id, other] = [idOf(1, 0), idOf(1, 1)]
const unread = {
  alerts: { url: 'file:///alerts', async * list () {} },
  getAlertStart: async () => { throw new Error('the position is in the index') }
}
const selection: Selection = { name: 'night', night: '20260301', includes: each => each === id, async * ids () { yield id } }

await t.test('reads positions from the index, up to two deliveries per alert of --max-alerts', async t => {
  const root = await tempDir(t)
  const index = await openFileStore(root)
  t.teardown(async () => { await index.close() })
  const ordered = async () => await orderedAlerts(
    { archive: unread, selection, index, maxAlerts: 1, log: silent }, new AbortController().signal)

  await writeSegment(root, [{ id, partition: 3, offset: 17 }, { id: other }])
  const { table, order } = (await ordered())!
  t.match([...order].map(row => table.get(row)), [{ id, position: { topic: 'alerts', partition: 3, offset: 17n } }])

  await writeSegment(root, [{ id, offset: 18 }, { id, offset: 19 }])
  await t.rejects(ordered(), {
    code: 'REPLAY_INDEX_TOO_LARGE', message: 'the index has more than 2 deliveries of the selected alerts', where: index.url,
    hint: /without --index-store/
  })
})

await t.test('more alerts than --max-alerts are an error', async t => {
  const start = { start: Buffer.alloc(20), size: 20 }
  const archive = { ...unread, getAlertStart: async () => start }
  const two: Selection = { ...selection, async * ids () { yield * [id, other] } }
  const ordered = async (maxAlerts: number) => await orderedAlerts(
    { archive, selection: two, index: undefined, maxAlerts, log: silent }, new AbortController().signal)
  t.match(await ordered(2), { incomplete: 2, order: { length: 2 } })
  await t.rejects(ordered(1), { code: 'REPLAY_TOO_MANY', message: 'more than 1 alerts are selected (--max-alerts)' })
})
