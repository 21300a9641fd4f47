// What a check of the deployment is, and what it is given to work with. Groups of checks live in groups/NAME.ts, one line each in
// groups/index.ts.
import type { Environment, Progress, ToolOptions, ToolResult } from '../../src/devstack/tools.ts'
import type { ToolName } from './tools/index.ts'

/** A check that could not be made, and why: printed, and counted apart from what passed. */
export interface Skipped {
  readonly skipped: string
}

export interface Check {
  /** A sentence that is true where the check passes: `the chart alert-database passes helm lint --strict`. */
  readonly title: string
  /** Throws where it is not true; a `Fault` where the reason is what a tool said. */
  run (): Promise<void | Skipped>
}

export interface Group {
  /** As `--only` takes it. */
  readonly name: string
  /** What its checks are about, in a few words. */
  readonly about: string
  /** All that it asks `tool` for: installed before its checks are listed. */
  readonly tools: readonly ToolName[]
  /** What it looks at in deploy/, each with all that lies below; the default is nothing. What nobody claims fails. */
  readonly claims?: readonly string[]
  /** How many of its checks run at the same time, default one; they are reported in order all the same. */
  readonly atOnce?: number
  /**
   * Its checks, in the order in which they run. Should find what there is to check and leave the work to `run`: where a tool is missing, it
   * is called to count what could not be checked.
   */
  checks (context: Context): Promise<readonly Check[]>
}

/** What every group gets; it lasts for the whole run. */
export interface Context {
  /** The repository. */
  readonly root: string
  /** An empty folder of this group's own, removed at the end. */
  readonly scratch: string
  /** Kept between runs and shared by all of them. */
  readonly cacheDir: string
  readonly env: Environment
  /** A folder of definitions that no package registry carries, where there is one. */
  readonly crds: string | undefined
  /** Aborted when the run is stopped. */
  readonly signal: AbortSignal
  readonly progress: Progress
  /** Path of a tool (a program, or a folder of data); installed at the first call. Throws `ToolMissing`. */
  tool (name: ToolName): Promise<string>
  /** Runs a program to its end; it is stopped together with the run. Never rejects for a failing program. */
  run (program: string, args: readonly string[], options?: Partial<ToolOptions>): Promise<ToolResult>
  /** Like `run`, but a failure of the program is thrown as a `Fault` with what it printed; resolves with its standard output. */
  must (program: string, args: readonly string[], options?: Partial<ToolOptions>): Promise<string>
  /** To be done when the group ends, however it ends, the last one first: stop a server. */
  defer (work: () => Promise<void>): void
}

/** A check that failed: what is wrong, and below it the tool's own words. */
export class Fault extends Error {
  readonly words: string

  constructor (what: string, words = '') {
    super(what)
    this.name = 'Fault'
    this.words = words
  }
}

/** A tool that this machine cannot have: the message says what is missing and how to get it. */
export class ToolMissing extends Error {
  constructor (message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ToolMissing'
  }
}

/** Throws a `Fault` that lists them, where there are any. */
export function none (faults: readonly string[], what: string): void {
  if (faults.length > 0) throw new Fault(`${what}: ${faults.length}`, faults.join('\n'))
}
