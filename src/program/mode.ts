// The interface between the CLI and a mode. A mode declares its flags and its graph. It receives a checked configuration and a host, and
// never reads argv, the environment or signals itself.
import type { AdminConfig, AdminServer, Status } from '../admin/status.ts'
import type { Positional, Variant } from '../config/argv.ts'
import type { ConfigFile } from '../config/file.ts'
import type { ConfigOf, Flags } from '../config/flags.ts'
import type { Environment } from '../config/parse.ts'
import type { GraphDescription, Logger } from '../pipeline/index.ts'

export interface Host {
  readonly log: Logger
  /** Writes the text to stdout and resolves when the text is written. Never rejects, because a closed pipe aborts `stop` instead. */
  print (text: string): Promise<void>
  /** Replaces the progress line if stderr is a terminal. `undefined` clears the progress line. */
  progress (line: string | undefined): void
  /** Aborted by SIGINT, SIGTERM or a closed stdout. The mode then takes no new work and finishes the records in flight. */
  readonly stop: AbortSignal
  /** Aborts `stop` from within the mode, for example when a limit is reached. */
  requestStop (): void
  /** Starts the admin server if `adminPort` is set. Resolves when the server listens. */
  expose (status: Status, admin: AdminConfig): Promise<AdminServer | undefined>
  /** Default folder for downloads. */
  readonly cacheDir: string
  /** The environment for child processes (Java, Python). A mode reads its settings from its configuration, not from the environment. */
  readonly environment: Environment
  /** The configuration file, for modes that print the configuration of other modes. */
  readonly configFile?: ConfigFile | undefined
  /** All modes of the program, for modes that describe or check other modes. */
  readonly modes: ModeCatalogue
  /** The executable and arguments that start this program again. */
  readonly self: readonly string[]
  readonly cwd: string
  readonly isTerminal: boolean
}

export interface Mode<F extends Flags = Flags> {
  readonly mode: string
  /** Details below the summary in the help text. */
  readonly about?: string
  readonly examples?: readonly string[]
  readonly flags: F
  readonly positionals?: readonly Positional[]
  readonly delegates?: boolean
  /** By the flag that selects the variant. */
  readonly variants?: Readonly<Record<string, Variant>>
  /** Whether log messages are plain sentences instead of JSON lines, for modes that a person watches. */
  readonly plainLogs?: boolean
  /** Describes the graph that `run` runs. Opens no store and no connection. Throws usage errors for flags that contradict each other. */
  describe? (config: ConfigOf<F>, positionals: readonly string[]): Promise<GraphDescription> | GraphDescription
  /** The values that the mode chooses where flags leave the choice open (`auto`), by flag, for the output of `config`. */
  resolve? (config: ConfigOf<F>): Readonly<Record<string, string>>
  /** Runs the mode to its end. The CLI prints a thrown AlertStreamError and derives the exit code from it. */
  run (config: ConfigOf<F>, positionals: readonly string[], host: Host): Promise<void>
}

/** Declares a mode. The type parameter keeps the literal types of its flags. */
export function mode<const F extends Flags> (definition: Mode<F>): Mode<F> {
  return definition
}

/** A mode with its summary and the flags that all modes share. */
export interface ListedMode extends Mode<Flags> {
  readonly summary: string
}

/** All modes, in the order of `alert-stream --help`. Each mode is loaded on first use. */
export interface ModeCatalogue {
  readonly names: readonly string[]
  /** Error: USAGE_UNKNOWN_MODE. */
  find (name: string): Promise<ListedMode>
  all (): Promise<readonly ListedMode[]>
}
