import t from 'tap'
import { checkTopicSettings, type ExpectedRecords } from '../../src/dead-letters/topic-settings.ts'
import type { KafkaAdmin, TopicConfigs } from '../../src/kafka/admin.ts'
import { kafkaErrors } from '../../src/kafka/errors.ts'
import { recordingLog } from '../kafka/support.ts'

const good = { 'cleanup.policy': 'delete', 'max.message.bytes': '20000000', 'retention.ms': '-1', 'retention.bytes': '-1' }

/** Checks the topic `dead`. The settings of a topic without configs are not readable. */
async function check (dead: TopicConfigs, expected: ExpectedRecords, others: Readonly<Record<string, TopicConfigs>> = {}) {
  const { log, lines } = recordingLog()
  const configs: Readonly<Record<string, TopicConfigs>> = { dead, ...others }
  const topicConfigs = async (topic: string): Promise<TopicConfigs> => {
    const found = configs[topic]
    if (found === undefined) throw kafkaErrors.KAFKA_NOT_AUTHORISED('no')
    return found
  }
  await checkTopicSettings({ topicConfigs } as unknown as KafkaAdmin, 'dead', expected, 'dead at b:1', log)
  return lines.filter(line => line.startsWith('warn'))
}

await t.test('rejects a compacted topic, because it would lose dead letters', async t => {
  for (const policy of ['compact', 'compact,delete', 'delete, compact']) {
    const checked = check({ ...good, 'cleanup.policy': policy }, { largest: 1000 })
    await t.rejects(checked, { code: 'DEAD_LETTER_TOPIC_COMPACTED', where: 'dead at b:1', fatal: true })
  }
  t.strictSame(await check(good, { largest: 1000 }), [])
})

await t.test('rejects a topic that cannot hold even the report of a dead letter', async t => {
  await t.rejects(check({ ...good, 'max.message.bytes': '2000' }, { largest: 10 }), { code: 'DEAD_LETTER_TOPIC_TOO_SMALL' })
})

await t.test('warns if the largest record and its report exceed max.message.bytes', async t => {
  const small = { ...good, 'max.message.bytes': '1000000' }
  t.strictSame(await check(small, { largest: 900_000 }), [])
  const [warning, ...more] = await check(small, { largest: 999_000 })
  t.match(warning, /dead letters of the largest records will not hold their values.*"maxMessageBytes":1000000,"needed":\d{7}/)
  t.strictSame(more, [])
})

await t.test('compares max.message.bytes with the topics that are read, or with the usual limit if their limit is unknown', async t => {
  const source = (bytes: string) => ({ alerts: { 'max.message.bytes': bytes } })
  const small = { ...good, 'max.message.bytes': '1000000' }
  t.strictSame(await check(small, { topics: ['alerts'] }, source('500000')), [])
  t.match(await check(small, { topics: ['alerts'] }, source('2000000')), [/will not hold/])
  t.match(await check(small, { topics: ['unreadable'] }), [/will not hold/])
  t.strictSame(await check(good, { topics: ['unreadable'] }), [])
})

await t.test('warns if the topic deletes old dead letters', async t => {
  t.match(await check({ ...good, 'retention.ms': '604800000' }, { largest: 10 }), [/deletes old dead letters.*"retentionMs":"604800000"/])
  t.match(await check({ ...good, 'retention.bytes': '1000' }, { largest: 10 }), [/deletes old dead letters/])
})

await t.test('checks nothing if this user may not read the settings', async t => {
  const { log, lines } = recordingLog()
  const topicConfigs = async () => { throw kafkaErrors.KAFKA_NOT_AUTHORISED('no') }
  await checkTopicSettings({ topicConfigs } as unknown as KafkaAdmin, 'dead', { topics: ['alerts'] }, 'dead', log)
  t.match(lines, [/^debug/])
  const failing = { topicConfigs: async () => { throw kafkaErrors.KAFKA_TIMEOUT('down') } } as unknown as KafkaAdmin
  await t.rejects(checkTopicSettings(failing, 'dead', { topics: ['alerts'] }, 'dead', log), { code: 'KAFKA_TIMEOUT' })
})
