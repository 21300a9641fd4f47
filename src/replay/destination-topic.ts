// Checks the destination topic of a replay: it must keep the timestamps of records, and should not delete them because they are old.
import { KafkaAdmin, type TopicConfigs, type TopicDescription, type TopicSpec } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import { formatTimestamp } from '../kafka/record.ts'
import { errorCode, type Logger } from '../pipeline/index.ts'
import { replayErrors } from './errors.ts'
import type { OrderedAlerts } from './ordered-alerts.ts'

/**
 * Returns the topic, which is created with `spec` if it is missing and `spec` is given. Errors: KAFKA_TOPIC_MISSING, REPLAY_TIMESTAMPS,
 * KAFKA_*.
 */
export async function checkTopic (
  connection: KafkaConnection, topic: string, spec: TopicSpec | undefined,
  { log, stop }: { readonly log: Logger, readonly stop: AbortSignal }
): Promise<TopicDescription> {
  const admin = new KafkaAdmin(connection, { startRetry: { log, signal: stop } })
  const where = `${topic} at ${connection.brokers}`
  try {
    const found = spec === undefined ? await admin.describeTopic(topic) : await admin.ensureTopic(topic, spec)
    if (found === undefined) {
      throw kafkaErrors.KAFKA_TOPIC_MISSING('the destination topic does not exist', {
        where, hint: 'Create it, set --create-dst-topic, or correct --dst-topic.'
      })
    }
    const configs = await configsOf(admin, topic, log)
    if (configs?.['message.timestamp.type'] === 'LogAppendTime') {
      throw replayErrors.REPLAY_TIMESTAMPS('the destination topic replaces the timestamps of records (LogAppendTime)', { where })
    }
    return found
  } finally {
    await admin.close()
  }
}

/** Logs a warning if the retention of the topic will delete the first alert at once. Never rejects. */
export async function warnOfRetention (
  connection: KafkaConnection, topic: string, { table, order }: OrderedAlerts, log: Logger
): Promise<void> {
  const first = order.length === 0 ? undefined : table.get(order[0]!).position
  if (first === undefined) return
  const admin = new KafkaAdmin(connection)
  try {
    const retentionMs = Number((await configsOf(admin, topic, log))?.['retention.ms'] ?? -1)
    if (retentionMs < 0 || Number(first.timestamp) > Date.now() - retentionMs) return
    log.warn({ topic, retentionMs, firstTimestamp: formatTimestamp(first.timestamp) },
      'the retention time of the destination topic is shorter than the age of the alerts: brokers delete them soon. Set retention.ms to -1')
  } catch (error) {
    log.debug({ topic, code: errorCode(error) }, 'cannot read the retention time of the destination topic')
  } finally {
    await admin.close()
  }
}

/** Undefined if the user may not read the configuration. */
async function configsOf (admin: KafkaAdmin, topic: string, log: Logger): Promise<TopicConfigs | undefined> {
  try {
    return await admin.topicConfigs(topic)
  } catch (error) {
    if (errorCode(error) !== 'KAFKA_NOT_AUTHORISED') throw error
    log.warn({ topic }, 'not allowed to read the configuration of the destination topic: its timestamps and retention are not checked')
    return undefined
  }
}
