// The README of a chart, as helm-docs makes it from README.md.gotmpl and the comments in values.yaml.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Context } from '../check.ts'

export async function readme (context: Pick<Context, 'must' | 'tool'>, folder: string): Promise<string> {
  if (await stat(join(folder, 'README.md.gotmpl')).then(() => false, () => true)) throw new Fault('there is no README.md.gotmpl')
  const made = await context.must(await context.tool('helm-docs'), ['--dry-run', '--log-level', 'warning', '--chart-search-root', folder])
  // One empty line too many at its end.
  return `${made.trim()}\n`
}
