// The simulated topic of an earlier start keeps what that start's visits needed. Larger visits need more: else the brokers would delete
// alerts before they are archived.
import { Admin } from '@platformatic/kafka'
import type { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { messageOf, type Logger } from '../pipeline/index.ts'

const TOPIC = 2
const SET = 0

/** Raises retention.bytes of a topic that exists to at least `bytes` per partition. Brokers that refuse are left alone, with a warning. */
export async function keepEnough (admin: KafkaAdmin, connection: KafkaConnection, topic: string, bytes: number, log: Logger): Promise<void> {
  if (await admin.describeTopic(topic) === undefined) return
  const client = new Admin({ ...connection.options, retries: 3 })
  client.on('error', () => {})
  try {
    const kept = Number((await admin.topicConfigs(topic))['retention.bytes'])
    if (!(kept >= 0 && kept < bytes)) return
    await client.incrementalAlterConfigs({
      resources: [{ resourceType: TOPIC, resourceName: topic, configs: [{ name: 'retention.bytes', configOperation: SET, value: String(bytes) }] }]
    })
    log.info({ topic, from: kept, to: bytes }, 'larger visits than before: the topic keeps more')
  } catch (error) {
    log.warn({ topic, bytes, reason: messageOf(error) }, 'the retention of the topic could not be raised: visits this large may be deleted before they are archived')
  } finally {
    await client.close().catch(() => {})
  }
}
