// The interface of a running graph, and the options of a run.
import type { CreditLimits } from './credits.ts'
import type { HistogramSnapshot } from './histogram.ts'
import type { Logger } from './log.ts'
import type { NodeStats } from './meter.ts'
import type { SourceRecord } from './node.ts'
import type { RunObserver } from './observer.ts'

export type RunState = 'created' | 'running' | 'draining' | 'stopped' | 'failed'

export interface RunOptions {
  readonly log?: Logger
  /** Time limit in milliseconds, after a failure, for work in flight to settle and for each part to close. Default 2000. */
  readonly settleMs?: number
  /**
   * Returns log fields, such as topic, offset or id, that identify a record in addition to its position. `value` is the input of the
   * failing node. The function must not throw.
   */
  readonly logFields?: ((record: SourceRecord<unknown>, value: unknown) => object) | undefined
  readonly observer?: RunObserver | undefined
}

/** Credit limits and usage of a source. */
export interface CreditStats extends CreditLimits {
  readonly node: string
  readonly unsettled: { readonly records: number, readonly bytes: number }
}

export interface Run {
  readonly state: RunState
  /** Resolves when the graph has stopped: all records settled, sources flushed, parts closed. Rejects with the first failure. */
  readonly done: Promise<void>
  /** Stops pulling and lets all records settle. Aborts with GRAPH_DRAIN_DEADLINE after `deadlineMs`. Returns `done`. */
  drain (options?: { readonly deadlineMs?: number }): Promise<void>
  /**
   * Stops at once. Pending calls have `settleMs` to end; no new call begins. Sources flush settled records, and all parts are closed.
   * Returns `done`, which rejects with the reason (default GRAPH_ABORTED).
   */
  abort (reason?: Error): Promise<void>
  /** Stats of every node, in the order of declaration. The dead-letter node is last. */
  meters (): NodeStats[]
  /** Stats of one node by name, such as `dead-letters`; undefined if the graph has no such node. */
  nodeStats (name: string): NodeStats | undefined
  /** Latency histogram of every node in seconds, in the order of `meters`. */
  latencies (): { readonly node: string, readonly histogram: HistogramSnapshot }[]
  /** Credits of every source. Empty until the graph is running. */
  credits (): CreditStats[]
}
