import t from 'tap'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { letterTopic, type LetterTopicOptions } from '../../src/dead-letters/topic-source.ts'
import { adminFor, connect, contextOf, outgoing, produce, pull } from '../kafka/support.ts'
import { failureOf } from '../support/pipeline.ts'
import { uniqueName, useStack } from '../support/stack.ts'
import { letterRecordOf, readLetters, reasonIs } from './support.ts'

const { kafka } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)

async function place (partitions = 1) {
  const at = { topic: uniqueName('letters'), group: uniqueName('redrive') }
  await admin.createTopic(at.topic, { partitions, replicas: 1 })
  const source = (more: Partial<LetterTopicOptions> = {}) => letterTopic({ connection, ...at, from: 'earliest', ...more })
  const put = async (...indexes: number[]): Promise<void> => { await produce(connection, at.topic, indexes.map(index => letterRecordOf(index, index % 2 === 0 ? 'EVEN' : 'ODD', {}, index % partitions))) }
  return { ...at, source, put }
}

await t.test('what is done with does not come again; what is left comes again, holds nothing back, and is never committed past', async t => {
  const { topic, group, source, put } = await place()
  await put(...Array(20).keys())
  t.strictSame(await readLetters(source(), reasonIs('ODD')), [...Array(20).keys()])
  t.strictSame(await admin.committed(group, topic), [1n], 'the first that was left')
  t.strictSame(await readLetters(source(), () => true), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19], 'and those that were done with do not come, though they lie beyond')
  await put(20, 21)
  t.strictSame(await readLetters(source(), reasonIs('EVEN')), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 20, 21])
  t.strictSame(await readLetters(source()), [20])
  t.strictSame(await admin.committed(group, topic), [22n])
  t.strictSame(await readLetters(source()), [])
})

await t.test('letters of several partitions; what comes after the opening is for the next run; a record that is no letter says so', async t => {
  const { topic, source, put } = await place(3)
  await put(...Array(9).keys())
  const context = contextOf()
  const first = source()
  await first.open?.(context)
  await put(9, 10, 11)
  const pulling = pull(first, context)
  await pulling.ended
  await first.flush?.()
  await first.close?.()
  t.equal(pulling.records.length, 9)
  await produce(connection, topic, [outgoing('no letter', { partition: 0 })])
  const found: unknown[] = []
  t.strictSame((await readLetters(source(), letter => { if (letter.letter === undefined) found.push(letter); return false })).sort((a, b) => a - b), [-1, 9, 10, 11])
  t.match(found, [{ position: `${topic}[0]@4`, problem: { code: 'NOT_A_LETTER' } }])
})

await t.test('a group that has committed nothing begins only where it is told to; a look changes nothing', async t => {
  const { topic, group, source, put } = await place(2)
  t.strictSame(await readLetters(source({ from: 'committed' })), [], 'nothing is there: nothing can be sent twice')
  const other = uniqueName('redrive')
  await put(0, 1, 2)
  t.strictSame((await readLetters(source({ from: 'committed' }))).sort(), [0, 1, 2], 'empty partitions were committed')
  t.match(await failureOf(readLetters(source({ from: 'committed', group: other }))), { code: 'REDRIVE_NOTHING_COMMITTED', message: /partition 0, 1/, where: `${topic} at ${kafka}` })
  t.strictSame((await readLetters(source({ from: 'committed', group: other, lookOnly: true }))).sort(), [0, 1, 2])
  t.strictSame(await admin.committed(other, topic), [undefined, undefined])
  t.strictSame((await admin.committed(group, topic)).map(Number).sort(), [1, 2])
})

await t.test('a topic that was recreated begins anew, told or not: its offsets are others', async t => {
  const { topic, source, put } = await place()
  await put(0, 1, 2)
  await readLetters(source())
  await admin.recreateTopic(topic, { partitions: 1, replicas: 1 })
  await put(3, 4)
  t.match(await failureOf(readLetters(source({ from: 'committed' }))), { code: 'REDRIVE_NOTHING_COMMITTED' })
  t.strictSame(await readLetters(source()), [3, 4])
  t.match(await failureOf(readLetters(source({ topic: uniqueName('none') }))), { code: 'KAFKA_TOPIC_MISSING' })
})

await t.test('a record that fails stays; so does everything of a run that is not flushed', async t => {
  const { source, put } = await place()
  await put(0, 1, 2)
  const context = contextOf()
  const failing = source()
  await failing.open?.(context)
  const pulling = pull(failing, context, record => { failing.settled?.(record, record.value.letter?.origin?.offset === 1n ? new Error('gone') : undefined) })
  await pulling.ended
  await failing.flush?.()
  await failing.close?.()
  t.strictSame(await readLetters(source()), [1])
})

await t.test('two runs at once: the second to commit finds out and fails, and nothing that it did is taken for not done by the other', async t => {
  const { topic, group, source, put } = await place()
  await put(0, 1, 2, 3)
  const context = contextOf()
  const first = source()
  await first.open?.(context)
  t.strictSame(await readLetters(source(), reasonIs('ODD')), [0, 1, 2, 3])
  const pulling = pull(first, context)
  await pulling.ended
  t.match(await failureOf(first.flush!()), { code: 'REDRIVE_CONCURRENT', message: new RegExp(group) })
  await first.close?.()
  t.strictSame(await admin.committed(group, topic), [1n])
})

await t.test('while the group has members, of another program, nothing is committed in its name, and so nothing is handed out', async t => {
  const { topic, group, source, put } = await place()
  await put(0)
  const consumer = kafkaGroupSource({ connection, topics: [topic], group })
  const context = contextOf()
  await consumer.open?.(context)
  const pulling = pull(consumer, context, () => {})
  await pulling.until(() => pulling.records.length === 1)
  let handedOut = 0
  t.match(await failureOf(readLetters(source(), () => { handedOut++; return false })), { code: 'KAFKA_REFUSED', message: /UNKNOWN_MEMBER_ID/ })
  t.equal(handedOut, 0)
  await pulling.stop()
  await consumer.close?.()
})

await t.test('when no more can be kept track of it ends early, says how many are unread, and loses track of none', async t => {
  const { source, put } = await place()
  await put(...Array(400).keys())
  const full = source({ maxMetadata: 10 })
  const first = await readLetters(full, ({ letter }) => Number(letter!.origin!.offset) * 7919 % 13 < 6)
  t.ok(first.length >= 49 && first.length < 400, `${first.length} letters`)
  t.equal(full.unread, 400 - first.length)
  const left = first.filter(index => index * 7919 % 13 < 6)
  t.strictSame(await readLetters(source()), [...left, ...Array.from({ length: 400 - first.length }, (_, index) => first.length + index)])
})
