// Writes the generated parts of the documentation between their markers: the flags of all modes (docs/configuration.md), the metrics
// (docs/metrics.md) and the dead-letter reasons (docs/dead-letters.md). Tests check that these files are current.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modes } from '../src/cli/modes.ts'
import { referenceMarkdown } from '../src/config/reference.ts'
import { reasonsMarkdown } from '../src/dead-letters/reasons.ts'
import { metricsMarkdown } from '../src/metrics/document.ts'

async function replacePart (name: string, markers: RegExp, text: string): Promise<void> {
  const file = join(import.meta.dirname, '..', 'docs', name)
  const before = await readFile(file, 'utf8')
  if (!markers.test(before)) throw new Error(`${file} has no markers for the generated part`)
  await writeFile(file, before.replace(markers, (_, marker: string) => `${marker}\n${text}\n`))
}

await replacePart('configuration.md', /(<!-- reference: .*-->\n)[^]*(?=<!-- end of reference -->)/, referenceMarkdown(await modes.all()))
await replacePart('metrics.md', /(<!-- made by .*-->\n)[^]*(?=<!-- end of what is made -->)/, await metricsMarkdown())
await replacePart('dead-letters.md', /(<!-- made by .*-->\n)[^]*(?=<!-- end of what is made -->)/, reasonsMarkdown())
