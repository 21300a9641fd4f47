// Callbacks about single records of a run, for stats that a node's meter does not keep, such as the age of alerts or the alerts of a visit.
import type { SourceRecord } from './node.ts'

/**
 * Called synchronously while a record is processed: first `pulled`, then `wrote` and `deadLettered` in any order, last `settled`. Callbacks
 * must be quick and must not throw. `pulled` and `settled` are called once per source record, `wrote` several times for a split record.
 */
export interface RunObserver {
  /** A source emitted the record. */
  pulled? (record: SourceRecord<unknown>): void
  /** A sink (not a batch sink) made the record durable. `result` is the value with which the sink's `write` resolved. */
  wrote? (record: SourceRecord<unknown>, node: string, result: unknown): void
  /** The dead letter of the record is durable. `node` is the node that failed with `error`. */
  deadLettered? (record: SourceRecord<unknown>, node: string, error: Error): void
  settled? (record: SourceRecord<unknown>, failure?: Error): void
}
