// Recovery of a killed ingester that is not a static member, as in the charts: its successor gets the partitions when the session of the
// killed ingester has expired.
import t from 'tap'
import { adminFor, connect, eventually, produce } from '../kafka/support.ts'
import { alertRecords, archivedIds, ingestArgs, newTarget, pythonMismatches, registerAlerts } from '../modes/archive-support.ts'
import { startCli, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

await t.test('by default, the successor of a killed ingester archives sooner than one that waits for a session of 20 s', async t => {
  const records = alertRecords(alerts, 100, 4)
  const start = async (...flags: string[]) => {
    const at = await newTarget(t, { kafka, registry })
    await admin.createTopic(at.topic, { partitions: 4, replicas: 1 })
    await produce(connection, at.topic, records.slice(0, 50))
    const begin = () => startCli(t, ingestArgs(at, '--batch-size', '20', '--commit-interval', '100', '--wait-for-topic', ...flags))
    const ingester = begin()
    const archived = async (): Promise<number> => (await archivedIds(at.root)).length
    await eventually(async () => await archived() === 50 && (await admin.groupLag(at.group, [at.topic])).get(at.topic) === 0n)
    return { at, ingester, begin, archived }
  }
  const [standard, slow] = await Promise.all([start(), start('--session-timeout-seconds', '20')])
  await Promise.all([standard, slow].map(async ({ ingester }) => await ingester.stop('SIGKILL')))
  const successors = [standard, slow].map(({ begin }) => begin())
  await Promise.all([standard, slow].map(async ({ at }) => { await produce(connection, at.topic, records.slice(50)) }))
  await eventually(async () => await standard.archived() > 50)
  t.equal(await slow.archived(), 50, 'the session of 20 s has not expired')
  await eventually(async () => await standard.archived() === 100)
  for (const successor of successors) await successor.stop('SIGKILL')
  t.strictSame(pythonMismatches(standard.at.root, records), [])
})
