// Two overlapping visits, sent by 189 senders each and archived by two ingesters. The visits' counts come from the log lines of both.
import t from 'tap'
import { createRegistryClient, parseSchema } from '../../src/avro/index.ts'
import { Random } from '../../src/generator/random.ts'
import { encodeId, visitNumber } from '../../src/ids/packed-id.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { adminFor, connect, eventually, outgoing, produce } from '../kafka/support.ts'
import { startCli, uniqueName, useStack, type RunningCli } from '../support/stack.ts'
import { archivedIds, ingestArgs, joinedBy, newTarget, whileRunning } from './archive-support.ts'
import { linesOf } from './support.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const PARTITIONS = 6
const SENDERS = 189
const UNKNOWN_SCHEMA = 1_999_999_999

const text = '{"type":"record","name":"alert","fields":[{"name":"diaSourceId","type":"long"},{"name":"note","type":"string"}]}'
const schema = parseSchema(text)
const schemaId = (await createRegistryClient({ url: registry }).register(uniqueName('alert-packet'), text)).id

interface Line {
  readonly visit?: number
  readonly msg: string
  readonly alerts: number
  readonly written: number
  readonly deadLetters: number
  readonly began: string
}

/** The visit lines in the log of an ingester. */
function visitLines ({ stderr }: RunningCli): Line[] {
  const lines = linesOf(stderr.slice(0, stderr.lastIndexOf('\n') + 1)).filter(line => line.startsWith('{'))
  return lines.map(line => JSON.parse(line) as Line).filter(({ msg }) => /visit/.test(msg) && !/exporting/.test(msg))
}

/** The alerts of a visit, in the order in which 189 senders send them: each sender sends its own alerts in order, at its own speed. */
function sentBy (random: Random, sequence: number, count: number): OutgoingRecord[] {
  const timed = Array.from({ length: count }, (_, index) => {
    const detector = index % SENDERS
    const id = encodeId({ tag: 2, night: '20261123', sequence, detector, counter: 1 + Math.floor(index / SENDERS) })
    const value = schema.encodeFramed(schemaId, { diaSourceId: id, note: 'x'.repeat(40) })
    return { key: Buffer.from(String(id)), value, headers: [], partition: random.below(PARTITIONS) }
  })
  const starts = Array.from({ length: SENDERS }, () => random.below(3000))
  const order = timed.map((record, index) => ({ record, at: starts[index % SENDERS]! + 60 * Math.floor(index / SENDERS) }))
  return order.sort((a, b) => a.at - b.at).map(({ record }) => record)
}

await t.test('10,000 alerts of a visit that overlaps another one are counted exactly by two ingesters', async t => {
  const at = await newTarget(t, { kafka, registry })
  await admin.createTopic(at.topic, { partitions: PARTITIONS, replicas: 1 })
  const args = ingestArgs(at, '--visit-gap', '3', '--unknown-schema-seconds', '0', '--batch-size', '64')
  const ingesters = [startCli(t, args), startCli(t, args)]
  for (const ingester of ingesters) await whileRunning(ingester, () => joinedBy(ingester)?.partitions === PARTITIONS / 2)

  const random = new Random(1, 'senders')
  const [first, second] = [sentBy(random, 123, 10_000), sentBy(random, 124, 2000)]
  // Dead letters: alerts of the first visit whose schema the registry does not have, and messages that are not alerts.
  for (let n = 0; n < 5; n++) first[n * 1500]!.value!.writeUInt32BE(UNKNOWN_SCHEMA, 1)
  const garbage = Array.from({ length: 7 }, (_, n) => outgoing(`not an alert ${n}`, { partition: n % PARTITIONS }))
  // The second visit begins when 8,000 alerts of the first one have been sent. From then on, alerts of both alternate.
  const sent = [...first.slice(0, 8000), ...Array.from({ length: 2000 }, (_, n) => [first[8000 + n]!, second[n]!]).flat()]
  for (let from = 0; from < sent.length; from += 1000) await produce(connection, at.topic, sent.slice(from, from + 1000))
  await produce(connection, at.topic, garbage)

  const lines = (): Line[] => ingesters.flatMap(visitLines)
  const sum = (visit: bigint | undefined, name: 'alerts' | 'written' | 'deadLetters'): number =>
    lines().filter(line => line.visit === (visit === undefined ? undefined : Number(visit))).reduce((total, line) => total + line[name], 0)
  await eventually(() => lines().reduce((total, { alerts }) => total + alerts, 0) >= sent.length + garbage.length)
  for (const ingester of ingesters) t.equal((await ingester.stop()).code, 0)

  const [one, two] = [123, 124].map(sequence => visitNumber({ night: '20261123', sequence }))
  t.strictSame([sum(one, 'alerts'), sum(one, 'written'), sum(one, 'deadLetters')], [10_000, 9995, 5])
  t.strictSame([sum(two, 'alerts'), sum(two, 'written'), sum(two, 'deadLetters')], [2000, 2000, 0])
  t.strictSame([sum(undefined, 'alerts'), sum(undefined, 'deadLetters')], [7, 7], 'records without an id are counted apart')
  t.ok(lines().filter(({ visit }) => visit === undefined).every(({ msg }) => msg === 'dead letters without a visit'))
  for (const ingester of ingesters) {
    t.ok(visitLines(ingester).some(({ visit }) => visit === Number(one)), 'each ingester reports its part of the visit')
  }
  t.equal((await archivedIds(at.root)).length, 11_995, 'the archive holds as many alerts as the lines say')
})
