import t from 'tap'
import { readFile } from 'node:fs/promises'
import { measured, type Row } from '../../bench/peers/comparison.ts'
import { ratioChart } from '../../bench/peers/chart.ts'
import { resultsMarkdown, rowText, summaryMarkdown } from '../../bench/peers/report.ts'
import { readResults, type Results } from '../../bench/results.ts'

const sample = (cpuMs: number) => ({ alerts: 100, bytes: 8_000_000, seconds: 1, cpuMs, peakBytes: 100 * 2 ** 20 })
const reference = [sample(200), sample(200)]
const rows: readonly Row[] = [
  { comparison: 'ingest', subject: 'Bento', ...measured(reference, undefined, [0.5, 0.7]) },
  { comparison: 'ingest', subject: 'ours', ...measured([sample(100), sample(160)], reference, [0.6, 1.2]) },
  { comparison: 'ingest', subject: 'ISA-L', skipped: 'cannot load isal' }
]
const results: Results = {
  command: 'npm run bench -- peers --save', date: '2026-11-30T12:00:00.000Z',
  machine: { cpu: 'Some CPU', cores: 2, memoryGiB: 24, node: 'v24.0.0' }, rows
}

await t.test('RESULTS.md has command, date, machine, load, each row, and the reason of a skipped row', async t => {
  const text = resultsMarkdown(results)
  const parts = ['npm run bench -- peers --save', '2026-11-30', '2 cores (Some CPU)', '24 GiB', 'v24.0.0', '0.5 to 1.2', '## ingest']
  for (const part of parts) t.ok(text.includes(part), part)
  t.match(text, /\| ours \| 100 \| 8 \| 1\.3 \| 0\.65 \(0\.50 to 0\.80\) \| 1\.00 \(1\.00 to 1\.00\) \| 100 \|/)
  t.match(text, /\| ISA-L \| skipped: cannot load isal \|/)
})

await t.test('the summary names each comparison once and leaves out skipped rows', async t => {
  const text = summaryMarkdown(results)
  t.equal(text.match(/\| ingest \|/g)?.length, 1)
  t.notMatch(text, /ISA-L/)
})

await t.test('the line of a row has its rate, CPU time and ratios', async t => {
  t.match(rowText(rows[1]!), /ours +100 alerts\/s, 1\.3 CPU-ms, 100 MiB, CPU x 0\.65/)
})

await t.test('the chart has one bar for each row with a ratio, with its label and value', async t => {
  const svg = ratioChart(rows)
  t.equal(svg.match(/<rect x=/g)?.length, 1)
  t.match(svg, />ingest: ours</)
  t.match(svg, />0\.65</)
  t.ok(ratioChart([{ ...rows[1]!, subject: 'a < b & c' }]).includes('a &lt; b &amp; c'), 'labels are escaped')
})

const saved = await readResults()
const skip = saved === undefined
await t.test('bench/RESULTS.md, its chart and the README are current ("npm run docs" updates them)', { skip }, async t => {
  if (saved === undefined) return
  t.equal(await readFile(new URL('../../bench/RESULTS.md', import.meta.url), 'utf8'), resultsMarkdown(saved))
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const [, part] = /from bench\/results.json -->\n\n([^]*)\n<!-- end of the generated part -->/.exec(readme) ?? []
  t.equal(part, summaryMarkdown(saved))
  t.equal(await readFile(new URL('../../bench/cpu-ratios.svg', import.meta.url), 'utf8'), ratioChart(saved.rows))
})
