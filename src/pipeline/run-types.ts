// What a running graph is to whoever started it: what it may be told, and what it can be asked.
import type { Observable } from 'rxjs'
import type { CreditLimits } from './credits.ts'
import type { HistogramSnapshot } from './histogram.ts'
import type { Logger } from './log.ts'
import type { NodeStats } from './meter.ts'
import type { SourceRecord } from './node.ts'
import type { RunObserver } from './observer.ts'
import type { TroublesOptions } from './failure-log.ts'

export type RunState = 'created' | 'running' | 'draining' | 'stopped' | 'failed'

export interface RunOptions {
  readonly log?: Logger
  /** How long work in flight may still settle after a failure before parts are closed under it, milliseconds; default 2000. */
  readonly settleMs?: number
  /** What a log line says of a record beside its position (topic, offset, id); `value` is what the failing node had in hand. Must not throw. */
  readonly logFields?: ((record: SourceRecord<unknown>, value: unknown) => object) | undefined
  readonly observer?: RunObserver | undefined
  readonly troubles?: TroublesOptions | undefined
}

/** What a source has out, and may have out. */
export interface CreditStats extends CreditLimits {
  readonly node: string
  readonly unsettled: { readonly records: number, readonly bytes: number }
}

/** A graph that runs. */
export interface Run {
  readonly state: RunState
  readonly states: Observable<RunState>
  /** Resolves when stopped: sources at their end or drained, all settled, flushed, closed. Rejects with the first failure. */
  readonly done: Promise<void>
  /** Stops pulling and lets everything settle. After `deadlineMs` it aborts with GRAPH_DRAIN_DEADLINE. Same promise as `done`. */
  drain (options?: { readonly deadlineMs?: number }): Promise<void>
  /**
   * Gives up at once: calls that run may end within `settleMs`, none begins any more, what was settled is flushed, parts are closed.
   * `done` rejects with the reason (default GRAPH_ABORTED).
   */
  abort (reason?: Error): Promise<void>
  /** Stats of every node, in the order of declaration, dead letters last. */
  meters (): NodeStats[]
  /** Stats of one node by name, such as `dead-letters`; undefined if the graph has no such node. */
  nodeStats (name: string): NodeStats | undefined
  /** Every node's latencies, in seconds, in the same order. */
  latencies (): { readonly node: string, readonly histogram: HistogramSnapshot }[]
  /** Every source's credits; none before it is pulled. */
  credits (): CreditStats[]
}
