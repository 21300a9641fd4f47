// What a mode is: one file that declares flags and one graph. The CLI parses, logs, handles signals and prints errors; a mode gets its
// checked configuration and a host, and never sees argv, the environment or a signal.
import type { ConfigFile } from '../config/file.ts'
import type { ConfigOf, Flags } from '../config/flags.ts'
import type { Environment, Positional } from '../config/parse.ts'
import type { AdminConfig, AdminServer, Status } from '../admin/status.ts'
import type { GraphDescription, Logger } from '../pipeline/index.ts'

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

export interface Mode<F extends Flags = Flags> {
  readonly mode: string
  readonly summary: string
  readonly about?: string
  readonly examples?: readonly string[]
  readonly flags: F
  readonly positionals?: readonly Positional[]
  readonly delegates?: boolean
  /** Log messages are plain sentences instead of JSON lines. For modes that a person watches. */
  readonly plainLogs?: boolean
  /** The graph that `run` runs, declared without touching network or disk. */
  describe? (config: ConfigOf<F>, positionals: readonly string[]): Promise<GraphDescription> | GraphDescription
  /** Resolves when done; a thrown AlertStreamError becomes the exit code. */
  run (config: ConfigOf<F>, positionals: readonly string[], host: Host): Promise<void>
}

/** Keeps the literal types of a mode's flags. */
export function mode<const F extends Flags> (definition: Mode<F>): Mode<F> {
  return definition
}
