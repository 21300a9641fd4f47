// The contracts of a graph's parts: sources, sinks and dead-letter sinks. The runner owns the pull loop, credits,
// retries, settlement and stats, and calls the methods of the parts.
// `open` is called once, sinks before sources, and may reject. `close` is called once for every part whose `open` was called, even if
// `open` rejected or did not end within `settleMs` after a drain, a failure or an abort.
import type { Logger } from './log.ts'
import type { RetryPolicy } from './retry.ts'

export interface Origin {
  /** Name of the source node. */
  readonly node: string
  /** Position of the record, in a form that users can look up: `alerts-simulated[3]@1042`, `visit.avro#17`. */
  readonly position: string
}

export interface SourceRecord<T> {
  readonly value: T
  /** Bytes held in memory until the record settles. They count against the source's byte credit. */
  readonly bytes: number
  /** Position within the source, without the node's name. */
  readonly position: string
  /** Number of records that the value stands for, if it is a whole batch of records. They count in stats and credits. Default 1. */
  readonly records?: number | undefined
}

export interface NodeContext {
  readonly node: string
  readonly log: Logger
  /** Aborted when the graph drains, fails or is aborted. Sources must then stop emitting. */
  readonly drain: AbortSignal
  /** Aborted when the graph fails or is aborted. Pending work should then reject. */
  readonly abort: AbortSignal
  /**
   * For `records` of a source: declares whether the source waits until the records in flight have settled, and emits no record until then.
   * Batches are then emitted as if the source were out of credit.
   */
  readonly awaitSettlement?: ((waiting: boolean) => void) | undefined
}

/** The context of one call with one record. */
export interface RecordContext {
  readonly origin: Origin
  /** Aborted when the graph fails or is aborted. */
  readonly signal: AbortSignal
  /** 1 for the first attempt. */
  readonly attempt: number
}

/** Labels for the node's box in descriptions. */
interface Described {
  /** Kind of the part in one or two words: `kafka group`, `file store`. */
  readonly kind: string
  /** What the part works on: topics, a path, a codec. Must not contain a secret. */
  readonly detail?: string | undefined
}

/**
 * Emits records when pulled. The runner pulls the next record only while the source has credit.
 *
 * `records` must end promptly and without error when `context.drain` aborts. It may end by itself (a file) or never (a topic).
 * The runner still takes a record that a pending `next()` yields during the drain. When the runner stops pulling, it calls `return()`.
 *
 * `settled` is called exactly once per pulled record, in any order, and must not throw. It is never called after `close`. After a failure
 * or an abort, records that no node is processing settle as failed. Records whose work exceeds `settleMs` might never settle.
 */
export interface Source<T> extends Described {
  open? (context: NodeContext): Promise<void>
  records (context: NodeContext): AsyncIterable<SourceRecord<T>>
  /** Drops the content of an unsettled record, except for what `settled` and log lines need. Called when a step has declared `holds`. */
  release? (record: SourceRecord<T>): void
  settled? (record: SourceRecord<T>, failure?: Error): void
  /** Commits settled offsets. Called when all records have settled, or after a failure when no further record will settle. */
  flush? (): Promise<void>
  close? (): Promise<void>
}

/**
 * Writes one value. `write` resolves only when the value is durable, either without a result or with one word for the run's observer
 * (`written`, `identical`). `write` rejects with an error whose `retryable` and `fatal` decide what the runner does.
 */
export interface Sink<T> extends Described {
  open? (context: NodeContext): Promise<void>
  write (value: T, context: RecordContext): Promise<void | string>
  close? (): Promise<void>
}

/** Writes several values at once. Resolves when all values are durable. If a batch fails for good, the runner writes each value alone. */
export interface BatchSink<T> extends Described {
  open? (context: NodeContext): Promise<void>
  writeBatch (values: readonly T[], context: { readonly signal: AbortSignal, readonly attempt: number }): Promise<void>
  close? (): Promise<void>
}

/** A record that a node could not process, with everything needed to find and replay it. */
export interface DeadLetter {
  readonly record: SourceRecord<unknown>
  readonly origin: Origin
  /** Name of the node that failed. */
  readonly node: string
  readonly error: Error
  readonly attempts: number
}

/** Stores dead letters. `write` resolves only when the dead letter is durable. The record settles afterwards. */
export interface DeadLetterSink extends Described {
  /** Retry policy for `write`. Default: the policy of the graph. A sink that retries by itself has the policy `noRetry`. */
  readonly retry?: RetryPolicy
  open? (context: NodeContext): Promise<void>
  write (deadLetter: DeadLetter): Promise<void>
  close? (): Promise<void>
}
