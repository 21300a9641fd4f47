// What a run tells of single records to whoever keeps figures that a node's meter does not have: how old a record was when it became
// durable, what a visit's records came to. Parts stay free of it.
import type { SourceRecord } from './node.ts'

/**
 * Called synchronously on the record's way, in this order: `pulled`, then `wrote` and `buried`, then `settled`; each must be quick and must
 * not throw. `pulled` and `settled` come once for each record of a source; a record that was split or forked may be written several times.
 */
export interface RunObserver {
  /** A source gave it. */
  pulled? (record: SourceRecord<unknown>): void
  /** A sink (not one of batches) has made it durable. `result`: what its `write` resolved with. */
  wrote? (record: SourceRecord<unknown>, node: string, result: unknown): void
  /** It is durable in the dead letters. */
  buried? (record: SourceRecord<unknown>, node: string, error: Error): void
  settled? (record: SourceRecord<unknown>, failure?: Error): void
}
