// Decides whether record batches of the static topic can be copied as they are: the destination must have as many partitions, so that
// the keys of a batch belong to the same partition there.
import type { KafkaAdmin, TopicSnapshot } from '../kafka/admin.ts'
import { maxMessageBytesOf } from './target-topic.ts'

/** Maximum size of a batch that can be copied whole from the topic to `destination`, in bytes; 0 if no batch can. Errors: KAFKA_*. */
export async function wholeBatchLimit (admin: KafkaAdmin, { partitions }: TopicSnapshot, destination: string): Promise<number> {
  const found = await admin.describeTopic(destination)
  return found?.partitions === partitions ? await maxMessageBytesOf(admin, destination) : 0
}
