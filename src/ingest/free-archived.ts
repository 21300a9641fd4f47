// An observer of the ingester that frees the memory of a record when its alert is archived. Records that fail or become dead letters are
// left to the garbage collector, because an attempt to write them may still be in progress.
import type { KafkaRecord } from '../kafka/record.ts'
import type { SourceRecord } from '../pipeline/node.ts'
import type { RunObserver } from '../pipeline/observer.ts'
import { freeOwn } from '../pipeline/own-memory.ts'

/** Calls `observer`, then frees the record. */
export function freeArchived (observer: RunObserver): RunObserver {
  const archived = new WeakSet<SourceRecord<unknown>>()
  return {
    ...observer,
    wrote: (record, node, result) => {
      observer.wrote?.(record, node, result)
      archived.add(record)
    },
    settled: (record, failure) => {
      observer.settled?.(record, failure)
      if (failure !== undefined || !archived.has(record)) return
      // The cast is safe, because the only source of an ingester emits Kafka records. Key, value and headers share their memory.
      const { key, value } = record.value as KafkaRecord
      const view = value ?? key
      if (view !== null) freeOwn(view)
    }
  }
}
