// How play-stream knows that a static topic is whole. The last alert of every partition carries one more header, `alertsim-complete`, which
// says how many alerts the load put into each partition. A topic is complete when each partition holds exactly as many records as the
// marker says; a load that was cut short has no marker, one that was repeated into the same topic does not add up. No extra record, topic
// or permission is needed, and consumers that do not know the header are not disturbed.
import { Observable, type OperatorFunction } from 'rxjs'
import type { Envelope } from '../pipeline/index.ts'
import type { TopicSnapshot } from '../kafka/admin.ts'
import { headerText, textHeader, type KafkaHeader, type KafkaRecord, type OutgoingRecord } from '../kafka/record.ts'

export const completionHeader = 'alertsim-complete'

/** What a load says of itself. */
export interface Completion {
  /** Unique for each load. */
  readonly load: string
  /** Alerts in all partitions. */
  readonly alerts: number
  /** Alerts by partition. */
  readonly partitions: readonly number[]
}

export function completionMarker (completion: Completion): KafkaHeader {
  return textHeader(completionHeader, JSON.stringify(completion))
}

/** Bytes that the marker adds to a record, at most. */
export function markerRoom (partitions: number): number {
  const counts = 11 * (partitions + 1)
  return completionHeader.length + '{"load":"","alerts":,"partitions":[]}'.length + 36 + counts
}

/** The marker that a record carries; undefined where it carries none or what it carries is not a marker. */
export function completionOf (record: Pick<KafkaRecord, 'headers'>): Completion | undefined {
  const text = headerText(record, completionHeader)
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as Partial<Completion>
    if (typeof value.load === 'string' && typeof value.alerts === 'number' && Array.isArray(value.partitions)) return value as Completion
  } catch { /* not JSON: somebody else's header of that name */ }
  return undefined
}

/**
 * Holds the last record of each partition back until the input completes, then emits them with the marker.
 * Emits: each record once, partitions in their own order. Settles: nothing. Holds one credit per partition.
 * `whole()` is asked at the end: where it says no (the load was stopped), the held records go on without a marker.
 */
export function markLast (partitions: number, load: string, whole: () => boolean): OperatorFunction<Envelope<OutgoingRecord>, Envelope<OutgoingRecord>> {
  return input => new Observable(subscriber => {
    const held = new Map<number, Envelope<OutgoingRecord>>()
    const counts = new Array<number>(partitions).fill(0)
    return input.subscribe({
      next: envelope => {
        const partition = envelope.value.partition ?? 0
        const before = held.get(partition)
        held.set(partition, envelope)
        counts[partition] = (counts[partition] ?? 0) + 1
        if (before !== undefined) subscriber.next(before)
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        const marker = completionMarker({ load, alerts: counts.reduce((sum, count) => sum + count, 0), partitions: counts })
        for (const envelope of held.values()) {
          subscriber.next(whole() ? envelope.map({ ...envelope.value, headers: [...envelope.value.headers, marker] }) : envelope)
        }
        subscriber.complete()
      }
    })
  })
}

/** Why a topic is not complete, in words for a user; undefined where it is. `last` are the last records by partition (undefined: empty). */
export function incompleteness (snapshot: TopicSnapshot, last: readonly (KafkaRecord | undefined)[]): string | undefined {
  const counts = snapshot.end.map((end, partition) => Number(end - (snapshot.start[partition] ?? 0n)))
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return 'it is empty'
  const markers = last.map(record => record === undefined ? undefined : completionOf(record))
  const marker = markers.find(each => each !== undefined)
  if (marker === undefined) return `it holds ${total} records and no mark of a finished load`
  const unmarked = markers.findIndex((each, partition) => (counts[partition] ?? 0) > 0 && each?.load !== marker.load)
  if (unmarked >= 0) return `partition ${unmarked} does not end with the mark of the load`
  const wrong = counts.findIndex((count, partition) => count !== (marker.partitions[partition] ?? 0))
  if (wrong >= 0) return `partition ${wrong} holds ${counts[wrong]} records, the load put ${marker.partitions[wrong] ?? 0} there`
  if (marker.alerts !== total) return `the load put ${marker.alerts} records, ${total} are left`
  return undefined
}
