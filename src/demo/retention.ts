// Raises the retention of an existing simulated topic if the visits are larger than in earlier starts of the demo.
// With the earlier retention, the brokers could delete alerts before the alerts are archived.
import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '../kafka/client-library.ts'
import type { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { messageOf, type Logger } from '../pipeline/index.ts'

/** Raises retention.bytes of an existing topic to at least `bytes` per partition. An error is only logged. */
export async function raiseRetention (
  admin: KafkaAdmin, connection: KafkaConnection, topic: string, bytes: number, log: Logger
): Promise<void> {
  if (await admin.describeTopic(topic) === undefined) return
  const client = new Admin({ ...connection.options, retries: 3 })
  client.on('error', () => {})
  try {
    const current = Number((await admin.topicConfigs(topic))['retention.bytes'])
    if (!(current >= 0 && current < bytes)) return
    const config = { name: 'retention.bytes', configOperation: IncrementalAlterConfigOperationTypes.SET, value: String(bytes) }
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: [config] }
    await client.incrementalAlterConfigs({ resources: [resource] })
    log.info({ topic, from: current, to: bytes }, 'raised retention.bytes of the topic for larger visits')
  } catch (error) {
    log.warn({ topic, bytes, reason: messageOf(error) },
      'cannot raise retention.bytes of the topic: alerts of large visits may be deleted before they are archived')
  } finally {
    await client.close().catch(() => {})
  }
}
