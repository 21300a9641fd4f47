import { readFile } from 'node:fs/promises'
import t from 'tap'
import { catalogue, type MetricSpec } from '../../src/metrics/catalogue.ts'
import { metricsMarkdown } from '../../src/metrics/document.ts'

const entries: ReadonlyArray<readonly [string, MetricSpec]> = Object.entries(catalogue)
const labelNames = /^(mode|version|state|node|reason|topic|partition|outcome|store|operation|route|status|result)$/

await t.test('names, units and labels follow the Prometheus conventions', async t => {
  for (const [name, { type, labels, unit, help, modes }] of entries) {
    t.match(name, /^alert_stream_[a-z]+(_[a-z]+)*$/)
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: counters end in _total, other types do not`)
    if (unit === 'seconds' || unit === 'bytes') t.ok(name.includes(`_${unit}`), `${name} contains its unit`)
    t.notMatch(name, /_(ms|milliseconds|minutes|kb|mib|count|sum|bucket)(_|$)/)
    for (const label of labels) t.match(label, labelNames, `${name}: the label has few values`)
    t.match(help, /^[A-Z0-9].*\.$/, `${name} has a help text`)
    t.notMatch(help, /\n/)
    t.ok(modes.length > 0, name)
  }
})

const skip = process.platform === 'linux' ? false : 'the document lists the process metrics of Linux'
await t.test('docs/metrics.md matches the catalogue; if not, run "npm run docs"', { skip }, async t => {
  const text = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const [, generated] = /<!-- made by .*-->\n\n([^]*)\n<!-- end of what is made -->/.exec(text) ?? []
  t.equal(generated, await metricsMarkdown())
})
