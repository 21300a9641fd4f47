// The /metrics output of a process in Prometheus text format: the given families and prom-client's process metrics. Values are collected at
// each scrape, so metrics cost nothing while records are processed.
import { collectDefaultMetrics, Registry, type Metric } from 'prom-client'
import { catalogue } from './catalogue.ts'
import type { AnySample, Family } from './family.ts'

interface Series {
  readonly metricName?: string
  readonly labels: Record<string, string | number>
  readonly value: number
}

export function exposition (families: readonly Family[]): Registry {
  const registry = new Registry()
  for (const { name, collect } of families) {
    const { help, type } = catalogue[name]
    const get = async () => ({ name, help, type, aggregator: 'sum', values: (await collect()).flatMap(sample => series(name, sample)) })
    // The registry uses only `name` and `get`. prom-client's metric classes cannot export values that are collected elsewhere.
    registry.registerMetric({ name, get } as unknown as Metric)
  }
  collectDefaultMetrics({ register: registry })
  return registry
}

function series (name: string, { value, labels = {} }: AnySample): Series[] {
  if (typeof value === 'number') return [{ labels, value }]
  let below = 0
  const buckets = [...value.bounds, '+Inf'].map((le, index): Series => {
    below += value.counts[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below }
  })
  return [...buckets, { metricName: `${name}_sum`, labels, value: value.sum }, { metricName: `${name}_count`, labels, value: value.count }]
}
