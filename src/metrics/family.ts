// One metric as it is answered: its name, and a way to collect its samples when somebody asks. Nothing is counted here: what has the figures
// keeps them as plain numbers, and they are read at each scrape.
import type { HistogramSnapshot } from '../pipeline/index.ts'
import type { Catalogue, MetricName } from './catalogue.ts'

type Labels<N extends MetricName> = Catalogue[N]['labels'][number]
type Value<N extends MetricName> = Catalogue[N]['type'] extends 'histogram' ? HistogramSnapshot : number

/** One series. */
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

/** The labels and the kind of value must be those of the catalogue, or it does not compile. */
export function family<N extends MetricName> (name: N, collect: () => Sample<N>[] | Promise<Sample<N>[]>): Family {
  return { name, collect: collect as Family['collect'] }
}

/** A family of one series without labels. */
export function single<N extends MetricName> (name: [Labels<N>] extends [never] ? N : never, value: () => Value<N>): Family {
  return { name: name as N, collect: () => [{ value: value() }] }
}
