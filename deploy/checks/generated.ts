// Generated files of the charts: README.md by helm-docs, from the comments in values.yaml and from README.md.gotmpl, and
// values.schema.json, from values.yaml and the annotations in its comments.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { valuesSchema } from '../../scripts/values-schema.ts'
import type { Context } from './check.ts'
import { findCharts, type Chart } from './helm/charts.ts'

type Tools = Pick<Context, 'root' | 'must' | 'run' | 'tool'>

/** Files of a chart that differ from what is generated, with their current text. */
export async function outdated (context: Tools, { folder }: Pick<Chart, 'folder'>): Promise<Array<{ path: string, text: string }>> {
  const readme = await context.must(await context.tool('helm-docs'), ['--dry-run', '--log-level', 'warning', '--chart-search-root', folder])
  const files = [
    { path: join(folder, 'README.md'), text: `${readme.trim()}\n` },
    { path: join(folder, 'values.schema.json'), text: await valuesSchema(folder, join(context.root, 'deploy/helm')) }
  ]
  const found = await Promise.all(files.map(async ({ path }) => await readFile(path, 'utf8').catch(() => '')))
  return files.filter(({ text }, index) => text !== found[index])
}

/** Writes the files that are not current. Returns their paths. */
export async function writeGenerated (context: Tools): Promise<string[]> {
  const written: string[] = []
  for (const chart of (await findCharts(context.root)).filter(({ library }) => !library))
    for (const { path, text } of await outdated(context, chart)) {
      await writeFile(path, text)
      written.push(path)
    }
  return written
}
