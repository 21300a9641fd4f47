// A check of the deployment and its context. Groups of checks are in groups/NAME.ts and are listed in groups/index.ts.
import type { Environment, Progress, ToolOptions, ToolResult } from '../../src/devstack/tools.ts'
import type { ToolName } from './tools/pins.ts'

export interface Check {
  /** States what holds if the check passes: `alert-database passes helm lint --strict`. */
  readonly title: string
  /** Throws if it does not hold: a `Fault` if the reason is the output of a tool. Resolves with a reason if it could not be checked. */
  run (): Promise<string | void>
}

export interface Group {
  /** Name for `--only`. */
  readonly name: string
  readonly about: string
  /** Tools that are installed before the checks run. */
  readonly tools: readonly ToolName[]
  /** Runs only with `--full` or `--only`: expensive, and outside CI. */
  readonly full?: true
  /** Number of checks that run at the same time. Default: 1. */
  readonly parallel?: number
  checks (context: Context): Promise<readonly Check[]>
}

export interface Context {
  /** The repository. */
  readonly root: string
  /** An empty folder of this group, removed at the end. */
  readonly scratch: string
  readonly cacheDir: string
  readonly env: Environment
  /** Folder with CRDs that no package contains. */
  readonly crds: string | undefined
  readonly signal: AbortSignal
  readonly progress: Progress
  /** Path of a tool, installed on first use. Throws `ToolMissing`. */
  tool (name: ToolName): Promise<string>
  run (program: string, args: readonly string[], options?: Partial<ToolOptions>): Promise<ToolResult>
  /** Standard output of a program. Throws a `Fault` with the program's output if the program fails. */
  must (program: string, args: readonly string[], options?: Partial<ToolOptions>): Promise<string>
  /** Work for the end of the group, last in first out, such as stopping a server. */
  defer (work: () => Promise<void>): void
}

/** A failed check: what is wrong, and the output of the tool. */
export class Fault extends Error {
  readonly output: string

  constructor (message: string, output = '') {
    super(message)
    this.name = 'Fault'
    this.output = output
  }
}

/** A tool that cannot be installed on this machine. The message says how to get it. */
export class ToolMissing extends Error {
  constructor (message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ToolMissing'
  }
}

/** Throws a `Fault` with the list of problems, unless the list is empty. */
export function none (problems: readonly string[]): void {
  if (problems.length > 0) throw new Fault(`problems: ${problems.length}`, problems.join('\n'))
}
