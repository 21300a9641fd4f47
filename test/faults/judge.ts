// Runs judge.py, the independent judge of an archive.
import { join } from 'node:path'
import { runTool } from '../../src/devstack/tools.ts'

/** See judge.py. */
export interface JudgeConfig {
  readonly brokers: string
  readonly group: string
  readonly topics: readonly string[]
  /** The dead-letter topic. */
  readonly deadLetters: string
  /** `file:///folder`, `gs://bucket` or `s3://bucket` */
  readonly store: string
  /** URL of the storage server, for buckets. */
  readonly server?: string | undefined
  /** Files that list what was sent. */
  readonly journals: readonly string[]
}

export interface Verdict {
  /** Number of records in the topics. */
  readonly records: number
  /** Number of records below the committed offsets. */
  readonly checked: number
  /** Number of records at or above the committed offsets. */
  readonly behind: number
  readonly objects: number
  readonly deadLetters: number
  readonly acknowledged: number
  /** The first problems of each kind. All lists are empty if the archive is right. */
  readonly problems: Readonly<Record<string, readonly string[]>>
}

export const noProblems = { missing: [], different: [], ahead: [], damaged: [], unexpected: [], wrongDeadLetters: [], lost: [] }

export async function judge (python: string, config: JudgeConfig): Promise<Verdict> {
  const script = join(import.meta.dirname, 'judge.py')
  const { code, stdout, stderr } = await runTool(python, [script], { env: process.env, input: JSON.stringify(config) })
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Verdict
}
