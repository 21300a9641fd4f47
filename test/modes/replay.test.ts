// replay: archived alerts are published again as the records that they were, judged by librdkafka on a real broker.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { adminFor, connect, everyRecord } from '../kafka/support.ts'
import { runMode } from '../support/in-process.ts'
import { tempDir, uniqueName, usePython, useS3, useStack } from '../support/stack.ts'
import { registerAlerts } from './archive-support.ts'
import { archived, idOfNight, judgeReplay, night, nightRecords, replayArgs } from './replay-support.ts'

const servers = await useStack(t)
const python = await usePython(t)
const connection = await connect(servers.kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(servers.registry)

const records = nightRecords(alerts, 3000)
const at = await archived(t, servers, admin, connection, records)
const create = ['--create-dst-topic', '--dst-topic-partitions', '5']

await t.test('every record of a night equals the original in value, key, headers and timestamp, in the original order', async t => {
  const topic = uniqueName('replayed')
  const args = replayArgs(at, topic, '--night', night, ...create)
  t.strictSame(await runMode(args), { code: 0, stdout: 'replay: 3000 alerts sent, 0 processed before, 0 left out\n', stderr: '' })
  t.strictSame(await judgeReplay(python, at, topic), { original: 3000, replayed: 3000, repeated: 0, missing: 0, problems: [] })
  t.match(await runMode(args), { code: 0, stdout: 'replay: 0 alerts sent, 3000 processed before, 0 left out\n' }, 'nothing is sent again')
})
