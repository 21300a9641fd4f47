// Compares the completion markers of a static topic with the number of records in each partition. An interrupted load leaves no marker.
// After a second load into the same topic, the counts do not match.
import type { TopicSnapshot } from '../kafka/admin.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { parseCompletionMarker } from './completion-marker.ts'

/**
 * Returns the reason why a non-empty topic is not complete, or undefined if the topic is complete.
 * @param last last record of each partition; undefined for an empty partition
 */
export function incompleteReason (snapshot: TopicSnapshot, last: readonly (KafkaRecord | undefined)[]): string | undefined {
  const counts = snapshot.end.map((end, partition) => Number(end - (snapshot.start[partition] ?? 0n)))
  const total = counts.reduce((sum, count) => sum + count, 0)
  const markers = last.map(record => record === undefined ? undefined : parseCompletionMarker(record))
  const marker = markers.find(each => each !== undefined)
  if (marker === undefined) return `the static topic holds ${total} records but no completion marker`
  const unmarked = markers.findIndex((each, partition) => (counts[partition] ?? 0) > 0 && each?.load !== marker.load)
  if (unmarked >= 0) return `partition ${unmarked} does not end with the completion marker of the load`
  const wrong = counts.findIndex((count, partition) => count !== (marker.partitions[partition] ?? 0))
  if (wrong >= 0) return `partition ${wrong} holds ${counts[wrong]} records, but the load wrote ${marker.partitions[wrong] ?? 0}`
  if (marker.alerts !== total) return `the load wrote ${marker.alerts} records, but ${total} remain`
  return undefined
}
