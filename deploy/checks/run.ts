// `npm run check:deploy`: runs the checks of deploy/ and of the image with scripts/test.ts, which prints the counts in its last line.
// --full adds the checks in full/; --only NAME,... runs the named files; --write regenerates README and schema of each chart.
import { readdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { valuesSchema } from '../../scripts/values-schema.ts'
import { charts, HELM } from './helm/charts.ts'
import { must, tool } from './tools/toolbox.ts'

const { full, only, write } =
  parseArgs({ options: { full: { type: 'boolean' }, only: { type: 'string' }, write: { type: 'boolean' } } }).values

if (write === true) {
  for (const { folder } of charts) await must(await tool('helm-docs'), ['--chart-search-root', folder])
  for (const { folder } of charts) await writeFile(join(folder, 'values.schema.json'), await valuesSchema(folder, HELM))
} else {
  const paths = (await readdir(import.meta.dirname, { recursive: true })).filter(path => path.endsWith('.test.ts')).sort()
  const chosen = only === undefined ? paths.filter(path => full === true || !path.startsWith('full/')) :
    only.split(',').map(name => paths.find(path => basename(path) === `${name}.test.ts`) ?? name)
  // The first run downloads and compiles the tools, which takes longer than the time limit of a file in .taprc.
  process.argv.splice(2, Infinity, '--timeout=3600', ...chosen.map(path => join('deploy/checks', path)))
  await import('../../scripts/test.ts')
}
