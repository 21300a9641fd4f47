// Lists the ids of a visit or of a detector of a visit without an index, by the keys of the archive.
import { idRanges, parseVisit, type PackedIdFormat } from '../ids/packed-id.ts'
import type { Page } from '../search/alert-search.ts'
import { searchErrors } from '../search/errors.ts'
import type { AlertQuery } from '../search/query.ts'
import { listAlerts } from '../stores/alert-listing.ts'
import type { ObjectStore } from '../stores/object-store.ts'

interface Listing {
  readonly limit: number
  /** The last id of the page before. */
  readonly cursor: string | undefined
  readonly count: 'only' | undefined
  readonly columns: string | undefined
}

/** Rejects with SEARCH_UNAVAILABLE if the query needs an index, and with a STORE_* error. */
export type ListVisit = (query: AlertQuery, listing: Listing, signal: AbortSignal) => Promise<Page | { readonly count: number } | 'cursor'>

export function visitListing (store: Pick<ObjectStore, 'list' | 'url'>, format: PackedIdFormat): ListVisit {
  return async ({ visit, detector, ...others }, { limit, cursor, count, columns = 'id' }, signal) => {
    const parts = visit === undefined ? undefined : parseVisit(String(visit))
    if (parts === undefined || columns !== 'id' || Object.values(others).some(value => value !== undefined)) {
      throw searchErrors.SEARCH_UNAVAILABLE('the server has no index, so it lists only the ids of a visit or of a detector of a visit', {
        hint: 'Ask for visit=YYYYMMDDNNNNN, with or without detector, and for no columns but id.'
      })
    }
    if (cursor !== undefined && !/^[0-9]{1,19}$/.test(cursor)) return 'cursor'
    const alerts: string[] = []
    let after = cursor
    let found = 0
    for await (const { id } of listAlerts(idRanges({ ...parts, detector }, format), { store, format })) {
      signal.throwIfAborted()
      // The listing is in the order of the detectors, so an id is found by equality and not by size.
      if (after !== undefined) {
        if (id === after) after = undefined
        continue
      }
      found++
      if (count === 'only') continue
      if (alerts.length === limit) return { alerts, next: JSON.parse(alerts.at(-1)!).id as string }
      alerts.push(`{"id":"${id}"}`)
    }
    return count === 'only' ? { count: found } : { alerts, next: undefined }
  }
}
