// The rules of the catalogue, and of what is made from it.
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { catalogue, type MetricSpec } from '../../src/metrics/catalogue.ts'
import { metricsMarkdown } from '../../src/metrics/document.ts'

const entries: ReadonlyArray<readonly [string, MetricSpec]> = Object.entries(catalogue)

await t.test('names, units and labels are as Prometheus wants them', async t => {
  for (const [name, { type, labels, unit, help, modes }] of entries) {
    t.match(name, /^alert_stream_[a-z]+(_[a-z]+)*$/)
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: counters, and they alone, end in _total`)
    if (unit === 'seconds' || unit === 'bytes') t.ok(name.includes(`_${unit}`), `${name} names its unit`)
    t.notMatch(name, /_(ms|milliseconds|minutes|kb|mib|count|sum|bucket)(_|$)/)
    for (const label of labels) t.match(label, /^(mode|version|state|node|reason|topic|partition|outcome|store|operation|route|status|result)$/, `${name}: a label of few values`)
    t.match(help, /^[A-Z0-9].*\.$/, `${name} is explained in a sentence`)
    t.notMatch(help, /\n/)
    t.ok(modes.length > 0, name)
  }
})

await t.test('docs/metrics.md is as the catalogue has it; else run "npm run docs"', { skip: process.platform === 'linux' ? false : 'the figures of the process are those of Linux' }, async t => {
  const text = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const [, made] = /<!-- made by .*-->\n\n([^]*)\n<!-- end of what is made -->/.exec(text) ?? []
  t.equal(made, await metricsMarkdown())
})
