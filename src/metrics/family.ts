// A metric family: the name of a metric, and a function that collects its samples at each scrape.
import type { HistogramSnapshot } from '../pipeline/index.ts'
import type { Catalogue, MetricName } from './catalogue.ts'

type Labels<N extends MetricName> = Catalogue[N]['labels'][number]
type Value<N extends MetricName> = Catalogue[N]['type'] extends 'histogram' ? HistogramSnapshot : number

/** The current value of one series. */
export type Sample<N extends MetricName> = { readonly value: Value<N> } &
  ([Labels<N>] extends [never] ? { readonly labels?: Record<never, string> } : { readonly labels: Readonly<Record<Labels<N>, string>> })

export interface Family {
  readonly name: MetricName
  collect (): AnySample[] | Promise<AnySample[]>
}

export interface AnySample {
  readonly value: number | HistogramSnapshot
  readonly labels?: Readonly<Record<string, string>>
}

/** Creates a family. The compiler checks the labels and the value type against the catalogue. */
export function family<N extends MetricName> (name: N, collect: () => Sample<N>[] | Promise<Sample<N>[]>): Family {
  return { name, collect: collect as Family['collect'] }
}

/** A family with one series and no labels. */
export function single<N extends MetricName> (name: [Labels<N>] extends [never] ? N : never, value: () => Value<N>): Family {
  return { name: name as N, collect: () => [{ value: value() }] }
}
