// Helpers for tests of compaction: an index in a folder, the mode compact, and the independent judge.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import type { Manifest } from '../../src/alert-index/revision.ts'
import { runTool } from '../../src/devstack/tools.ts'
import { tempDir } from '../support/stack.ts'

export const night = '20260301'

export interface CompactTarget { readonly root: string, readonly args: readonly string[] }

/** An index without segments, and the command line that compacts its night in several files. */
export async function newNight (t: Test): Promise<CompactTarget> {
  const folder = await tempDir(t)
  const root = join(folder, 'index-store')
  await mkdir(join(root, 'index'), { recursive: true })
  const args = [
    'compact', '--night', night, '--index-store', pathToFileURL(root).href, '--work-dir', join(folder, 'work'),
    '--memory-mib', '128', '--file-rows', '40'
  ]
  return { root, args }
}

/** See judge.py. */
interface Verdict {
  readonly revisions: readonly number[]
  readonly complete: readonly number[]
  /** Whether the newest complete revision covers all segments. */
  readonly covered: boolean
  readonly manifest: Manifest
  readonly problems: readonly string[]
}

export async function judgeNight (python: string, root: string): Promise<Verdict> {
  const input = JSON.stringify({ index: root, night })
  const { code, stdout, stderr } = await runTool(python, [join(import.meta.dirname, 'judge.py')], { env: process.env, input })
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Verdict
}
