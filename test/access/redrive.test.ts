// Runs redrive as the user that deploy/acls.json defines for it. The ACLs allow every operation that redrive needs.
// If the ACLs deny a topic, no dead letter is lost.
import t from 'tap'
import { toDeadLetterRecord, toKafkaRecord } from '../../src/dead-letters/dead-letter.ts'
import { adminFor, everyRecord, produce } from '../kafka/support.ts'
import { deadLetterFor, deadLetterTopicRecord } from '../dead-letters/support.ts'
import { runMode } from '../support/in-process.ts'
import { useSecuredKafka } from './support.ts'

const kafka = await useSecuredKafka(t)
const superuser = await kafka.connect('kafka-admin')
const admin = adminFor(t, superuser)
for (const topic of ['alerts-simulated', 'alerts-dead-letters', 'alerts-other']) {
  await admin.createTopic(topic, { partitions: 1, replicas: 1 })
}
const redrive = (...more: string[]) => runMode(['redrive', ...kafka.flags('alert-stream-redrive'), '--from-beginning', ...more])
const origin = { topic: 'alerts-simulated', headers: [] }
await produce(superuser, 'alerts-dead-letters', [
  ...Array.from({ length: 5 }, (_, index) => deadLetterTopicRecord(index, 'R', origin)),
  deadLetterTopicRecord(5, 'R', { ...origin, topic: 'alerts-other' }),
  // The value of this dead letter was omitted, so redrive would have to read the original record.
  toKafkaRecord({ ...toDeadLetterRecord(deadLetterFor(0, 'R', origin)), value: Buffer.alloc(0), omittedBytes: 7 })
])

await t.test('redrive sends dead letters to the simulated topic, commits, and leaves dead letters whose topic the ACLs deny', async t => {
  const first = await redrive()
  t.match(first, {
    code: 1,
    stdout: 'redrive: 5 sent, 2 left (1 KAFKA_NOT_AUTHORISED, 1 omitted value)\n',
    stderr: /^REDRIVE_REFUSED: .*KAFKA_NOT_AUTHORISED/
  }, first.stderr)
  const sent = await everyRecord(superuser, 'alerts-simulated')
  t.strictSame(sent.map(({ value }) => value!.toString()), [0, 1, 2, 3, 4].map(index => `value ${index}`))
  const other = await redrive('--dst-topic', 'alerts-simulated', '--origin-topic', 'alerts-other')
  t.match(other, { code: 0, stdout: 'redrive: 1 sent, 0 left, 1 not selected\n' })
  t.strictSame(await admin.committed('alert-stream-redrive', 'alerts-dead-letters'), [6n])
})

await t.test('redrive may use only groups whose names start with its user name', async t => {
  t.match(await redrive('--group', 'alert-stream-redrive-again', '--reason', 'R', '--limit', '1'), { code: 0, stdout: /^redrive: 1 sent/ })
  t.match(await redrive('--group', 'alertdb-ingester'), { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: .*alertdb-ingester/ })
  const asIngester = await runMode(['redrive', ...kafka.flags('alert-database-ingester')])
  t.match(asIngester, { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED/ })
})
