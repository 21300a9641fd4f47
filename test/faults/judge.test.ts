// The judge of the fault tests finds each kind of problem.
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Admin } from '@platformatic/kafka'
import t from 'tap'
import { deadLetterTopicRecord } from '../dead-letters/support.ts'
import { adminFor, connect, produce } from '../kafka/support.ts'
import { alertPath, alertRecords, idOf, newTarget, registerAlerts, storeUrl } from '../modes/archive-support.ts'
import { usePython, useStack } from '../support/stack.ts'
import { judge, noProblems } from './judge.ts'

const { kafka, registry } = await useStack(t)
const python = await usePython(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)

await t.test('the judge reports every wrong record and object, and no other', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  await admin.createTopic(at.dead, { partitions: 1, replicas: 1 })
  const records = alertRecords(alerts, 10, 1)
  const ids = records.map(idOf)
  await produce(connection, at.topic, records)
  const archive = async (id: string, body: Buffer): Promise<void> => {
    const path = alertPath(at.root, id)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, body)
  }
  const verdictAt = async (offset: bigint) => {
    const client = new Admin({ clientId: 'test', bootstrapBrokers: [kafka] })
    const partitionOffsets = [{ partition: 0, offset }]
    await client.alterConsumerGroupOffsets({ groupId: at.group, topics: [{ name: at.topic, partitionOffsets }] })
    await client.close()
    const journals = [join(dirname(at.root), 'journal')]
    return await judge(python, {
      brokers: kafka, group: at.group, topics: [at.topic], deadLetters: at.dead, store: storeUrl(at.root), journals
    })
  }
  const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
  const [sent, never] = alertRecords(alerts, 2, 1, 7_000_000_000n)
  await mkdir(at.root, { recursive: true })
  await writeFile(join(dirname(at.root), 'journal'), `sent ${idOf(sent!)} ${hash(sent!.value!)}\n`)

  // Offsets 0 to 6 are archived, except 5, which has a dead letter. An object of a record that was sent, but is not in the log, is right.
  for (const [index, { value }] of records.slice(0, 7).entries()) if (index !== 5) await archive(ids[index]!, gzipSync(value!))
  await archive(idOf(sent!), gzipSync(sent!.value!))
  const letterOf = (offset: number, value: Buffer | null) => deadLetterTopicRecord(offset, 'OTHER', { value, topic: at.topic })
  await produce(connection, at.dead, [letterOf(5, records[5]!.value)])
  t.match(await verdictAt(7n), { records: 10, checked: 7, behind: 3, objects: 7, deadLetters: 1, problems: noProblems })

  await archive(ids[1]!, gzipSync(alerts.frame(BigInt(ids[1]!), 'another note')))
  await archive(ids[2]!, gzipSync(records[2]!.value!).subarray(0, -10))
  await archive(ids[9]!, gzipSync(records[8]!.value!))
  await archive(idOf(never!), gzipSync(never!.value!))
  await produce(connection, at.dead, [letterOf(6, Buffer.from('another value'))])
  await writeFile(join(dirname(at.root), 'journal'), `acknowledged 1 ${hash(Buffer.from('gone'))} 0 3\n`)
  const { problems } = await verdictAt(8n)
  const at0 = (offset: number): string => `${at.topic}[0]@${offset}: ${ids[offset]}`
  t.match(problems, {
    missing: [at0(2), at0(7)],
    different: [at0(1)],
    ahead: [],
    wrongDeadLetters: [`('${at.topic}', 0, 6)`],
    lost: ['1']
  })
  t.equal(problems.damaged!.length, 2, 'the cut object, and the object under the key of another alert')
  t.strictSame(problems.unexpected!.map(key => key.replace(/^.*\/|\.avro\.gz$/g, '')).sort(), [ids[1], idOf(never!), idOf(sent!)].sort())
})

await t.test('the judge reports a committed offset past the end of the log', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: 1, replicas: 1 })
  await admin.createTopic(at.dead, { partitions: 1, replicas: 1 })
  const client = new Admin({ clientId: 'test', bootstrapBrokers: [kafka] })
  const partitionOffsets = [{ partition: 0, offset: 3n }]
  await client.alterConsumerGroupOffsets({ groupId: at.group, topics: [{ name: at.topic, partitionOffsets }] })
  await client.close()
  const config = { brokers: kafka, group: at.group, topics: [at.topic], deadLetters: at.dead, store: storeUrl(at.root), journals: [] }
  t.strictSame((await judge(python, config)).problems, { ...noProblems, ahead: [`${at.topic}[0]: committed 3, log end 0`] })
})
