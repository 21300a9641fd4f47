// Writes what is made from the code into the documentation, each between its two marks: the flags of all modes into docs/configuration.md,
// the metrics into docs/metrics.md, the reasons of dead letters into docs/dead-letters.md. A test fails where a file is not current.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modes } from '../src/cli/modes.ts'
import { referenceMarkdown } from '../src/config/reference.ts'
import { metricsMarkdown } from '../src/metrics/document.ts'
import { reasonsMarkdown } from '../src/dead-letters/reasons.ts'

async function put (name: string, marks: RegExp, text: string): Promise<void> {
  const file = join(import.meta.dirname, '..', 'docs', name)
  const before = await readFile(file, 'utf8')
  if (!marks.test(before)) throw new Error(`${file} has no marks for it`)
  await writeFile(file, before.replace(marks, (_, mark: string) => `${mark}\n${text}\n`))
}

await put('configuration.md', /(<!-- reference: .*-->\n)[^]*(?=<!-- end of reference -->)/, referenceMarkdown(await modes.all()))
await put('metrics.md', /(<!-- made by .*-->\n)[^]*(?=<!-- end of what is made -->)/, await metricsMarkdown())
await put('dead-letters.md', /(<!-- made by .*-->\n)[^]*(?=<!-- end of what is made -->)/, reasonsMarkdown())
