// Lists the ids of archived alerts by key ranges, without an index. The layouts of a store are merged, and an alert that is stored under
// several keys is listed once. The listing streams: it holds one key of each layout, and one folder of layout v3.
import type { IdRange } from '../ids/packed-id.ts'
import { keysByPrefix, keysInRanges, usedKeySchemes, type AlertKey, type AlertKeyOptions } from './alert-keys.ts'
import type { KeyScheme } from './layouts.ts'
import type { ObjectStore } from './object-store.ts'

export interface ListedAlert {
  readonly id: string
  /** Keys of its objects, more than one if the alert is stored in several layouts. */
  readonly keys: readonly string[]
}

interface ListingOptions extends AlertKeyOptions {
  readonly store: Pick<ObjectStore, 'list' | 'url'>
  /** The layouts to list. Default: those that have alerts, which takes one request for each layout. */
  readonly schemes?: readonly KeyScheme[]
}

/**
 * Alerts whose ids are in the ranges, in the order of night, visit, detector, id. Each range has one tag, and the ranges differ in their
 * tags only, as those of `idRanges`. Rejects with a STORE_* error.
 */
export async function * listAlerts (ranges: readonly IdRange[], options: ListingOptions): AsyncGenerator<ListedAlert> {
  const { day, sequence, detector, counter } = options.format.bits
  const place = (id: bigint): bigint => BigInt.asUintN(day + sequence + detector + counter, id) >> BigInt(counter)
  const streams = (await schemesOf(options)).flatMap(scheme => keysInRanges(scheme, ranges, options))
  yield * merge(streams, (a, b) => place(a) === place(b) ? a < b : place(a) < place(b))
}

/**
 * Alerts whose ids begin with the decimal digits, in the order of the text of the ids, which is also that of the keys. No digits: all
 * alerts. Rejects with a STORE_* error.
 */
export async function * listByPrefix (digits: string, options: ListingOptions): AsyncGenerator<ListedAlert> {
  const streams = (await schemesOf(options)).flatMap(scheme => keysByPrefix(scheme, digits, options))
  yield * merge(streams, (a, b) => a.toString() < b.toString())
}

async function schemesOf ({ store, schemes }: ListingOptions): Promise<readonly KeyScheme[]> {
  return schemes ?? await usedKeySchemes(store)
}

/** Merges streams that are sorted in the same order. */
async function * merge (
  streams: ReadonlyArray<AsyncGenerator<AlertKey>>, isBefore: (a: bigint, b: bigint) => boolean
): AsyncGenerator<ListedAlert> {
  try {
    const heads = await Promise.all(streams.map(async stream => ({ stream, found: await next(stream) })))
    for (;;) {
      let id: bigint | undefined
      for (const { found } of heads) if (found !== undefined && (id === undefined || isBefore(found.id, id))) id = found.id
      if (id === undefined) return
      const keys: string[] = []
      for (const head of heads) {
        for (; head.found?.id === id; head.found = await next(head.stream)) keys.push(head.found.key)
      }
      yield { id: id.toString(), keys }
    }
  } finally {
    await Promise.all(streams.map(stream => stream.return(undefined)))
  }
}

async function next (stream: AsyncGenerator<AlertKey>): Promise<AlertKey | undefined> {
  const { done, value } = await stream.next()
  return done === true ? undefined : value as AlertKey
}
