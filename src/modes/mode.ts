// What a mode is: one file that declares flags and one graph. The CLI parses, logs, handles signals and prints errors; a mode gets its
// checked configuration and a host, and never sees argv, the environment or a signal.
import type { ConfigFile } from '../config/file.ts'
import type { ConfigOf, Flags } from '../config/flags.ts'
import type { Environment, Positional } from '../config/parse.ts'
import type { Family } from '../metrics/index.ts'
import type { Graph, GraphDescription, Logger, Run, RunObserver, RunState } from '../pipeline/index.ts'
import type { Checks } from './health.ts'
import { recordFacts } from './record-facts.ts'

/** What the process lends to a mode. */
export interface Host {
  readonly log: Logger
  /** Results, to stdout. Resolves when the reader has taken them; rejects never: a closed pipe aborts `stop`. */
  print (text: string): Promise<void>
  /** Progress for people, to stderr; replaces the previous progress line on a terminal. `undefined` clears it. */
  progress (line: string | undefined): void
  /** Aborted by SIGINT, SIGTERM or a closed stdout: stop taking new work, finish what is in hand. */
  readonly stop: AbortSignal
  /** Asks for that stop from within (a count is reached). */
  requestStop (): void
  /** Shows a status on the admin port, if one is asked for. Resolves when the port is open, with its number and the way to close it. */
  expose (status: Status, admin: AdminConfig): Promise<AdminServer | undefined>
  /** Where downloads are kept unless a flag says otherwise. */
  readonly cacheDir: string
  /** For programs that a mode starts (Java, Python); modes read no settings from it. */
  readonly environment: Environment
  /** The configuration file, for modes that speak of other modes; a mode's own values are in its configuration. */
  readonly configFile?: ConfigFile | undefined
  /** How to start this same program again: the executable and its first arguments. */
  readonly self: readonly string[]
  /** The working folder. */
  readonly cwd: string
  readonly isTerminal: boolean
}

/** A long-running mode's face to the outside: the admin port shows it. */
export interface Status {
  /** What must answer for the mode to do its work: /readyz names each. */
  readonly checks: Checks
  readonly run?: Run
  /** Where the mode is in its life; only where no graph runs, which has a state of its own. */
  readonly state?: () => RunState
  /** Its graph's name is the mode's. */
  readonly description: GraphDescription
  /** Figures of the mode itself for /metrics, beside those of its graph and of the process. */
  readonly metrics?: readonly Family[]
  /** Figures of the mode itself (lag, passes) for /status, as JSON. */
  facts? (): Promise<object> | object
}

export interface AdminConfig {
  readonly adminPort: number | undefined
  readonly adminHost: string
}

export interface AdminServer {
  readonly port: number
  close (): Promise<void>
}

export interface Mode<F extends Flags = Flags> {
  readonly mode: string
  readonly summary: string
  readonly about?: string
  readonly examples?: readonly string[]
  readonly flags: F
  readonly positionals?: readonly Positional[]
  readonly delegates?: boolean
  /** The graph that `run` runs, declared without touching network or disk. */
  describe? (config: ConfigOf<F>, positionals: readonly string[]): Promise<GraphDescription> | GraphDescription
  /** Resolves when done; a thrown AlertStreamError becomes the exit code. */
  run (config: ConfigOf<F>, positionals: readonly string[], host: Host): Promise<void>
}

/** Keeps the literal types of a mode's flags. */
export function mode<const F extends Flags> (definition: Mode<F>): Mode<F> {
  return definition
}

/** What a graph needs so that the CLI can drain it: see `runToEnd`. */
export interface RunUnderHost {
  readonly drainSeconds?: number
  readonly observer?: RunObserver
  /** Called when the graph has begun; a rejection (a busy admin port) stops it. */
  readonly onRun?: (run: Run) => void | Promise<void>
}

/** Runs a graph until it ends by itself or the host asks to stop; then drains it within the deadline. */
export async function runToEnd (graph: Graph, host: Host, options: RunUnderHost = {}): Promise<Run> {
  const run = graph.run({ log: host.log, facts: recordFacts, observer: options.observer })
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
