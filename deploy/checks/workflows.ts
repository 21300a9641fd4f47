// What a linter of workflows does not ask for: actions by their full commit (a tag can be moved), with the version beside it for people,
// and rights that are named job by job.
import { parse } from 'yaml'

interface Workflow {
  readonly permissions?: unknown
  readonly jobs?: Readonly<
    Record<string, { readonly 'permissions'?: unknown, readonly 'timeout-minutes'?: unknown, readonly 'uses'?: string }>
  >
}

export function workflowFaults (text: string): string[] {
  const faults: string[] = []
  for (const [line, used = '', comment = ''] of text.matchAll(/^\s*(?:- )?uses:\s*(\S+)(.*)$/gm)) {
    if (used.startsWith('./')) continue
    if (!/@[0-9a-f]{40}$/.test(used)) faults.push(`${line.trim()}: not pinned by a full commit`)
    else if (!/#\s*v\d+\.\d+\.\d+$/.test(comment.trim())) faults.push(`${line.trim()}: says no version`)
  }
  const { permissions, jobs = {} } = parse(text) as Workflow
  if (JSON.stringify(permissions) !== '{}') faults.push('gives all its jobs rights: write "permissions: {}"')
  for (const [name, job] of Object.entries(jobs)) {
    if (typeof job.permissions !== 'object') faults.push(`${name}: does not name its rights`)
    if (job.uses === undefined && typeof job['timeout-minutes'] !== 'number') faults.push(`${name}: may run for ever: give timeout-minutes`)
  }
  return faults
}
