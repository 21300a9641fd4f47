// Runs the graph of a mode and drains it when the host requests a stop.
import type { Graph, Run, RunObserver } from '../pipeline/index.ts'
import type { Host } from './mode.ts'
import { recordLogFields } from './record-log-fields.ts'

interface RunOptions {
  /** Deadline of the drain, in seconds; default 20. */
  readonly drainSeconds?: number
  readonly observer?: RunObserver
  /** Called when the graph has started. If the callback rejects (for example because the admin port is in use), the graph is drained. */
  readonly onRun?: (run: Run) => void | Promise<void>
}

/** Resolves when the graph has ended by itself, or was drained after a stop. Rejects with the error that failed the graph. */
export async function runToEnd (graph: Graph, host: Host, options: RunOptions = {}): Promise<Run> {
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
