// CPU time and memory of a process and all its descendants (Linux).
import { readFileSync, readdirSync } from 'node:fs'
import { usage } from '../harness.ts'

interface TreeUsage {
  /** User and system CPU time, in milliseconds. Includes children that ended, if their parent has waited for them. */
  readonly cpuMs: number
  /** Sum of the largest resident set sizes. */
  readonly peakBytes: number
}

export function treeUsage (root: number): TreeUsage {
  const all = descendants(root).map(pid => usage(pid))
  return { cpuMs: sum(all.map(({ cpuMs }) => cpuMs)), peakBytes: sum(all.map(({ peakBytes }) => peakBytes)) }
}

function descendants (pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap(thread => {
    const list = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim()
    return list === '' ? [] : list.split(' ').map(Number)
  })
  return [pid, ...children.flatMap(descendants)]
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
