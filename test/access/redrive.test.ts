// redrive with the ACLs of its user in deploy/acls.json. A missing permission is reported, and no dead letter is lost.
import t from 'tap'
import { toDeadLetterRecord, toKafkaRecord } from '../../src/dead-letters/dead-letter.ts'
import { adminFor, produce } from '../kafka/support.ts'
import { everyRecord } from '../modes/support.ts'
import { deadLetterFor, deadLetterTopicRecord } from '../dead-letters/support.ts'
import { runMode } from '../support/in-process.ts'
import { useLockedKafka } from './support.ts'

const kafka = await useLockedKafka(t)
const superuser = await kafka.connect('kafka-admin')
const admin = adminFor(t, superuser)
for (const topic of ['alerts-simulated', 'alerts-dead-letters', 'alerts-other']) await admin.createTopic(topic, { partitions: 1, replicas: 1 })
const redrive = (...more: string[]) => runMode(['redrive', ...kafka.flags('alert-stream-redrive'), '--from-beginning', ...more])
const origin = { topic: 'alerts-simulated', headers: [] }
await produce(superuser, 'alerts-dead-letters', [
  ...Array.from({ length: 5 }, (_, index) => deadLetterTopicRecord(index, 'R', origin)),
  deadLetterTopicRecord(5, 'R', { ...origin, topic: 'alerts-other' }),
  // Its value was omitted and would have to be read from the original topic.
  toKafkaRecord({ ...toDeadLetterRecord(deadLetterFor(0, 'R', origin)), value: Buffer.alloc(0), omittedBytes: 7 })
])

await t.test('it reads letters, sends them to the alerts\' topic and keeps its offsets; a topic that it may not write to is told, and a value that it may not read', async t => {
  const first = await redrive()
  t.match(first, { code: 1, stdout: 'redrive: 5 sent, 2 left (1 KAFKA_NOT_AUTHORISED, 1 omitted value)\n', stderr: /^REDRIVE_REFUSED: .*1 KAFKA_NOT_AUTHORISED/ }, first.stderr)
  t.strictSame((await everyRecord(superuser, 'alerts-simulated')).map(({ value }) => value!.toString()), [0, 1, 2, 3, 4].map(index => `value ${index}`))
  t.match(await redrive('--dst-topic', 'alerts-simulated', '--origin-topic', 'alerts-other'), { code: 0, stdout: 'redrive: 1 sent, 0 left, 1 not chosen\n' })
  t.strictSame(await admin.committed('alert-stream-redrive', 'alerts-dead-letters'), [6n])
})

await t.test('groups of its prefix are its own, no other is', async t => {
  t.match(await redrive('--group', 'alert-stream-redrive-again', '--reason', 'R', '--limit', '1'), { code: 0, stdout: /^redrive: 1 sent/ })
  t.match(await redrive('--group', 'alertdb-ingester'), { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: .*alertdb-ingester/ })
  t.match(await runMode(['redrive', ...kafka.flags('alert-database-ingester')]), { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED/ })
})
