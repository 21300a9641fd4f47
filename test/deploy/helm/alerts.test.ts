// The charts' alerts use only metrics that the program exports, and include every alert that docs/metrics.md suggests.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { catalogue, type MetricName, type MetricSpec } from '../../../src/metrics/catalogue.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: Readonly<Record<string, string>>
}

const helm = join(import.meta.dirname, '../../../deploy/helm')
const consumers = 'alert-database/files/consumer-alerts.yaml'
const files = [
  { mode: 'ingest', paths: ['alert-database/files/ingester-alerts.yaml', consumers] },
  { mode: 'index', paths: ['alert-database/files/indexer-alerts.yaml', consumers] },
  { mode: 'serve', paths: ['alert-database/files/server-alerts.yaml'] },
  { mode: 'play-stream', paths: ['alert-stream-simulator/files/replay-alerts.yaml'] }
]
/** What another alert says already: nothing is played then; a player has no dead letters; rows leave the node segments. */
const exempt: Readonly<Record<string, readonly MetricName[]>> = {
  index: ['alert_stream_index_rows_total'],
  'play-stream': ['alert_stream_records_out_total', 'alert_stream_dead_letters_total']
}
const specs: Readonly<Record<string, MetricSpec>> = catalogue

/** `alert_stream_x{a="b",SELECTOR}[5m]` of an expression, with the name as it stands and what is in its braces and brackets. */
function selectors (expr: string): Array<{ readonly series: string, readonly matchers: string, readonly range: string | undefined }> {
  return [...expr.matchAll(/(alert_stream_\w+)(?:\{([^}]*)\})?(?:\[(\w+)\])?/g)].map(([, series = '', matchers = '', range]) => ({
    series,
    matchers,
    range
  }))
}

/** The metric behind a series: a histogram has three. */
function metricOf (series: string): MetricName | undefined {
  const name = series in specs ? series : series.replace(/_(bucket|count|sum)$/, '')
  return name in specs && (name === series) === (specs[name]?.type !== 'histogram') ? name as MetricName : undefined
}

function faultsOf (mode: string, { expr }: Rule): string[] {
  return selectors(expr).flatMap(({ series, matchers, range }) => {
    const metric = metricOf(series)
    if (metric === undefined) return [`${series}: the program has no such series`]
    const { type, modes, labels } = specs[metric]!
    const known: readonly string[] = [...labels, ...type === 'histogram' ? ['le'] : []]
    const given = matchers.split(',')
    const named = given.filter(each => each !== '' && each !== 'SELECTOR').map(each => /^(\w+)(=|!=|=~|!~)"[^"]*"$/.exec(each)?.[1] ?? each)
    return [
      ...modes.includes(mode) ? [] : [`${series}: ${mode} does not have it`],
      ...given.includes('SELECTOR') ? [] : [`${series}: of every release, as SELECTOR is missing`],
      ...named.filter(label => !known.includes(label)).map(label => `${series}: no label ${label}`),
      // What only grows says nothing by itself.
      ...(type === 'gauge') || range !== undefined ? [] : [`${series}: a ${type} without a range`]
    ]
  })
}

for (const { mode, paths } of files) {
  const rules = (await Promise.all(paths.map(async path => parse(await readFile(join(helm, path), 'utf8')) as Rule[]))).flat()
  const path = paths.join(' and ')

  await t.test(`${path}: each alert uses metrics of ${mode} and labels of these metrics`, async t => {
    for (const rule of rules) {
      t.ok(selectors(rule.expr).length > 0, `${rule.alert} looks at a metric`)
      t.strictSame(faultsOf(mode, rule), [], rule.alert)
    }
  })

  await t.test(`${path}: each alert has a summary and a severity`, async t => {
    t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length, 'names are there once')
    for (const { alert, labels, annotations } of rules) {
      t.match(labels.severity, /^(warning|critical)$/, alert)
      t.match(annotations['summary'], /\.$/, alert)
      const used = Object.values(annotations).flatMap(text => [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!))
      // What an aggregation drops is empty in the text.
      const { expr } = rules.find(rule => rule.alert === alert)!
      const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(/, */)
      t.strictSame(kept === undefined ? [] : used.filter(label => !kept.includes(label)), [], `${alert}: labels in its text`)
    }
  })

  await t.test(`${path}: contains each alert that docs/metrics.md suggests`, async t => {
    const looked = new Set(rules.flatMap(({ expr }) => selectors(expr).map(({ series }) => metricOf(series))))
    for (const [name, { modes, alert }] of Object.entries(specs)) {
      if (alert === undefined || !modes.includes(mode) || exempt[mode]?.includes(name as MetricName) === true) continue
      // Its condition may be on another metric.
      const meant = [name, ...[...alert.matchAll(/alert_stream_\w+/g)].map(([other]) => other)] as MetricName[]
      t.ok(meant.some(each => looked.has(each)), name)
    }
  })
}

await t.test('reports an unknown metric, an unknown label, and a counter without rate or increase', async t => {
  const rule = (expr: string): Rule => ({ alert: 'A', expr, labels: { severity: 'warning' }, annotations: {} })
  t.strictSame(faultsOf('ingest', rule('alert_stream_kafka_down{SELECTOR} == 1')), [
    'alert_stream_kafka_down: the program has no such series'
  ])
  t.strictSame(faultsOf('ingest', rule('alert_stream_alert_age_seconds{SELECTOR} > 1')), [
    'alert_stream_alert_age_seconds: the program has no such series'
  ])
  t.strictSame(faultsOf('ingest', rule('alert_stream_kafka_up{host="a",SELECTOR} == 0')), ['alert_stream_kafka_up: no label host'])
  t.strictSame(faultsOf('serve', rule('alert_stream_kafka_up{SELECTOR} == 0')), ['alert_stream_kafka_up: serve does not have it'])
  t.strictSame(faultsOf('ingest', rule('alert_stream_kafka_up == 0')), ['alert_stream_kafka_up: of every release, as SELECTOR is missing'])
  t.strictSame(faultsOf('ingest', rule('alert_stream_visits_total{SELECTOR} > 3')), [
    'alert_stream_visits_total: a counter without a range'
  ])
})
