// What a part of a graph is: the contracts of sources, flows, sinks and dead-letter sinks. Parts are pure: they neither count, retry nor
// settle. The runner owns the pull loop, the credits, the retries and the metering, and calls these methods.
// `open` is called once, sinks before sources, and may reject; `close` once for every part whose `open` was called, even where that rejected, or
// where a stop came meanwhile and it did not end within `settleMs`.
import type { Logger } from './log.ts'

/** Where a record came from, as a user would look for it: `alerts-simulated[3]@1042`, `visit.avro#17`. */
export interface Origin {
  /** Name of the source node. */
  readonly node: string
  readonly position: string
}

/** One record as a source hands it to the runner. */
export interface SourceRecord<T> {
  readonly value: T
  /** Bytes that stay in memory until the record settles; they count against the source's byte credit. */
  readonly bytes: number
  /** Position within the source, without the node's name. */
  readonly position: string
}

/** What a part may use while it is open. */
export interface NodeContext {
  readonly node: string
  readonly log: Logger
  /** Aborted when the graph drains or aborts: sources stop pulling. */
  readonly drain: AbortSignal
  /** Aborted when the graph gives up at once: pending work should reject. */
  readonly abort: AbortSignal
}

/** What a flow or sink may know of the record in hand. */
export interface RecordContext {
  readonly origin: Origin
  /** Aborted when the graph gives up. */
  readonly signal: AbortSignal
  /** 1 at the first try. */
  readonly attempt: number
}

/** Facts for describe(): shown inside the node's box. */
interface Described {
  /** What it is, in one or two words: `kafka group`, `file store`. */
  readonly kind: string
  /** What it works on: topics, a path, a codec. Never a secret. */
  readonly detail?: string | undefined
}

/**
 * Emits records when pulled. The runner pulls the next one only while the graph has credits.
 * `records` must end promptly, without error, once `context.drain` aborts; it may end by itself (a file) or never (a topic).
 * A record that a pending `next()` still gives while the graph drains is taken. When the graph stops pulling, the iterator's `return()` is called.
 * `settled` is called exactly once per record that was pulled, in any order; it must not throw. After a failure or abort the records that no
 * node had begun settle with that failure; those whose work does not end within `settleMs` may not settle at all. Never after `close`.
 */
export interface Source<T> extends Described {
  open? (context: NodeContext): Promise<void>
  records (context: NodeContext): AsyncIterable<SourceRecord<T>>
  settled? (record: SourceRecord<T>, failure?: Error): void
  /** Called when all its records have settled, or after a failure when no more will: commit what is to be committed. */
  flush? (): Promise<void>
  close? (): Promise<void>
}

/**
 * Writes one value. Resolves only when the value is durable, with nothing or with what it did in one word of a few (`written`, `identical`),
 * which the run's observer hears; rejects with an error whose `retryable` and `fatal` say what is to be done.
 */
export interface Sink<T> extends Described {
  open? (context: NodeContext): Promise<void>
  write (value: T, context: RecordContext): Promise<void | string>
  close? (): Promise<void>
}

/** Writes many values at once. Resolves only when all are durable; when a batch rejects for good, the runner tries each value alone. */
export interface BatchSink<T> extends Described {
  open? (context: NodeContext): Promise<void>
  writeBatch (values: readonly T[], context: { readonly signal: AbortSignal, readonly attempt: number }): Promise<void>
  close? (): Promise<void>
}

/** A record that a node could not process, with what is needed to find and replay it. */
export interface DeadLetter {
  /** The record as the source gave it. */
  readonly record: SourceRecord<unknown>
  readonly origin: Origin
  /** The node that gave up on it. */
  readonly node: string
  readonly error: Error
  readonly attempts: number
}

/** Keeps dead letters. Resolves only when the letter is durable: the record settles then, not before. */
export interface DeadLetterSink extends Described {
  open? (context: NodeContext): Promise<void>
  write (letter: DeadLetter): Promise<void>
  close? (): Promise<void>
}
