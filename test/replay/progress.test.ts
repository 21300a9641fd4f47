// The progress of a replay, committed to a real broker.
import t from 'tap'
import { silent } from '../../src/pipeline/index.ts'
import { AlertTable, type TableAlert } from '../../src/replay/alert-table.ts'
import { ReplayProgress } from '../../src/replay/progress.ts'
import { adminFor, connect } from '../kafka/support.ts'
import { uniqueName, useStack } from '../support/stack.ts'

const servers = await useStack(t)
const connection = await connect(servers.kafka)
const topic = uniqueName('replayed')
await adminFor(t, connection).createTopic(topic, { partitions: 1, replicas: 1, configs: {} })

const alerts = [1n, 2n, 3n].map((id): TableAlert =>
  ({ id, position: { topic: 'alerts', partition: 0, offset: id, timestamp: id }, bytes: 10 }))
const table = new AlertTable(alerts.length, () => new Error('too many'))
for (const alert of alerts) table.add(alert)
const order = table.inOrder()

async function opened (group: string): Promise<ReplayProgress> {
  const progress = new ReplayProgress({ connection, group, topic, topicId: 'a', selection: 'night 20260224', log: silent })
  t.teardown(async () => { await progress.close() })
  await progress.open()
  return progress
}

await t.test('a later run resumes after the alerts of an earlier one', async t => {
  const group = uniqueName('group')
  const first = await opened(group)
  await first.begin(table, order)
  await first.advance(alerts.slice(0, 2), 1)
  const second = await opened(group)
  t.match(second, { processed: 2, leftOut: 1 })
  await second.begin(table, order)
  await second.advance(alerts.slice(2), 0)
  t.match(await opened(group), { processed: 3, leftOut: 1 })
})

await t.test('of two runs in step, one is rejected, although both have processed the same alerts', async t => {
  const group = uniqueName('group')
  const before = await opened(group)
  await before.begin(table, order)
  await before.advance(alerts.slice(0, 1), 0)
  const [first, second] = [await opened(group), await opened(group)]
  await first.begin(table, order)
  await t.rejects(second.begin(table, order), { code: 'REPLAY_CONCURRENT' })
  await first.advance(alerts.slice(1), 0)
})
