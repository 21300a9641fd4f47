// The Prometheus text of a process: the families that it is given and the client library's figures of the process itself. The library keeps
// the registry and writes the format; it is asked at each scrape only, so that no record pays for it.
import { collectDefaultMetrics, Registry, type Metric } from 'prom-client'
import { catalogue } from './catalogue.ts'
import type { AnySample, Family } from './family.ts'

interface Series {
  readonly metricName?: string
  readonly labels: Record<string, string | number>
  readonly value: number
}

/** A registry of its own; `processMetrics` adds those of the process. */
export function exposition (families: readonly Family[], { processMetrics = true }: { readonly processMetrics?: boolean } = {}): Registry {
  const registry = new Registry()
  for (const { name, collect } of families) {
    const { help, type } = catalogue[name]
    const get = async () => ({ name, help, type, aggregator: 'sum', values: (await collect()).flatMap(sample => series(name, sample)) })
    // All that the registry asks of a metric; its own classes would have to be counted up to the value.
    registry.registerMetric({ name, get } as unknown as Metric)
  }
  if (processMetrics) collectDefaultMetrics({ register: registry })
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
