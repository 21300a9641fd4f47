// Generated files in deploy/: READMEs of charts by helm-docs, from the comments in values.yaml and from README.md.gotmpl.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from './check.ts'
import { findCharts } from './helm/charts.ts'

type Tools = Pick<Context, 'root' | 'must' | 'run' | 'tool'>

export async function readmeOf (context: Tools, folder: string): Promise<string> {
  const text = await context.must(await context.tool('helm-docs'), ['--dry-run', '--log-level', 'warning', '--chart-search-root', folder])
  return `${text.trim()}\n`
}

/** Writes the files that are not current. Returns their paths. */
export async function writeGenerated (context: Tools): Promise<string[]> {
  const written: string[] = []
  for (const { folder, library } of await findCharts(context.root)) {
    const path = join(folder, 'README.md')
    const text = library ? undefined : await readmeOf(context, folder)
    if (text === undefined || text === await readFile(path, 'utf8').catch(() => '')) continue
    await writeFile(path, text)
    written.push(path)
  }
  return written
}
