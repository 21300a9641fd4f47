// Runs a mode's graph and drains it when the host asks for a stop.
import type { Graph, Run, RunObserver } from '../pipeline/index.ts'
import type { Host } from './mode.ts'
import { recordLogFields } from './record-log-fields.ts'

/** What a graph needs so that the CLI can drain it: see `runToEnd`. */
export interface RunUnderHost {
  readonly drainSeconds?: number
  readonly observer?: RunObserver
  /** Called when the graph has begun; a rejection (a busy admin port) stops it. */
  readonly onRun?: (run: Run) => void | Promise<void>
}

/** Runs a graph until it ends by itself or the host asks to stop; then drains it within the deadline. */
export async function runToEnd (graph: Graph, host: Host, options: RunUnderHost = {}): Promise<Run> {
  const run = graph.run({ log: host.log, logFields: recordLogFields, observer: options.observer })
  const drain = (): void => { void run.drain({ deadlineMs: (options.drainSeconds ?? 20) * 1000 }).catch(() => {}) }
  if (host.stop.aborted) drain()
  host.stop.addEventListener('abort', drain)
  try {
    try {
      await options.onRun?.(run)
    } catch (error) {
      await run.drain().catch(() => {})
      throw error
    }
    await run.done
  } finally {
    host.stop.removeEventListener('abort', drain)
  }
  return run
}
