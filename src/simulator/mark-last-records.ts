// Adds the completion marker to the last record of each partition when a load is complete.
import { Observable, type OperatorFunction } from 'rxjs'
import type { OutgoingRecord } from '../kafka/record.ts'
import type { Envelope } from '../pipeline/index.ts'
import { completionMarkerHeader } from './completion-marker.ts'

/**
 * Holds back the last record of each partition until the input completes, then emits the held records with the marker.
 * Emits: each record once, in order within a partition. Settles: nothing. Holds: one credit per partition.
 * If `isComplete` returns false at the end of the input (the load was stopped), the held records are emitted without a marker.
 */
export function markLastRecords (
  partitions: number, load: string, isComplete: () => boolean
): OperatorFunction<Envelope<OutgoingRecord>, Envelope<OutgoingRecord>> {
  return input => new Observable(subscriber => {
    const held = new Map<number, Envelope<OutgoingRecord>>()
    const counts = new Array<number>(partitions).fill(0)
    return input.subscribe({
      next: envelope => {
        const partition = envelope.value.partition ?? 0
        const previous = held.get(partition)
        held.set(partition, envelope)
        counts[partition] = (counts[partition] ?? 0) + 1
        if (previous !== undefined) subscriber.next(previous)
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        const marker = completionMarkerHeader({ load, alerts: counts.reduce((sum, count) => sum + count, 0), partitions: counts })
        for (const envelope of held.values()) {
          subscriber.next(isComplete() ? envelope.map({ ...envelope.value, headers: [...envelope.value.headers, marker] }) : envelope)
        }
        subscriber.complete()
      }
    })
  })
}
