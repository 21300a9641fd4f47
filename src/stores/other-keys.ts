// Finds out under which other keys an object may be stored: in a layout other than the configured one, or uncompressed. Listings decide, so
// that a store with one layout costs no extra request per object. A listing is valid for at least 10 s, because another process may have
// begun to write. Until then, first objects under other keys are neither compared nor read.
import { LRUCache } from 'lru-cache'
import { decodeId, type PackedIdFormat } from '../ids/packed-id.ts'
import { allKeySchemes, alertName, gzipped, keySchemes, visitFolder, type KeyScheme, type Layout } from './layouts.ts'
import type { ObjectStore } from './object-store.ts'

const validMs = 10_000
/** Keys in a listing of a layout: one request. */
const maxLayoutKeys = 1000
/** Keys in a listing of a block: at most 20 requests. */
const maxBlockKeys = 20_000
/** Repeated listings of a prefix take at most this fraction of the time. */
const maxLoad = 0.01
const rememberedListings = 10_000

interface Listing {
  /** Endings of the listed keys. */
  readonly endings: ReadonlySet<string>
  /** Whether these are all keys with the prefix. */
  readonly complete: boolean
  readonly validUntil: number
}

/** A layout, with the keys of an object in it: its name and one of the endings. */
interface Place<Id> {
  /** Begins all keys of the layout. */
  readonly prefix: string
  readonly endings: readonly string[]
  readonly nameOf: (id: Id) => string
  /** Begins the keys of about as many objects as a visit has, this one among them. */
  readonly blockOf: (id: Id) => string
}

type Listed = Pick<ObjectStore, 'list' | 'url'>

class OtherKeys<Id> {
  readonly #store: Listed
  readonly #places: ReadonlyArray<Place<Id>>
  readonly #now: () => number
  readonly #listings = new LRUCache<string, Promise<Listing>>({ max: rememberedListings })
  /** Until when the listings of all layouts are known to be complete and without any of these keys. */
  #noneUntil = -Infinity

  /** @param places where to look for an object, in the order of reading. Excludes the key that is always tried first. */
  constructor (store: Listed, places: ReadonlyArray<Place<Id>>, now: () => number) {
    this.#store = store
    this.#places = places
    this.#now = now
  }

  /** Keys to try if the object is not under its first key: all keys in layouts that have objects. Rejects with a STORE_* error. */
  async toRead (id: Id): Promise<readonly string[]> {
    return await this.#keys(id, async ({ endings }) => endings)
  }

  /**
   * Keys to compare with before the object is written. In a layout with many objects, only the block of the object counts, so that a new
   * night is not compared with an old layout. Rejects with a STORE_* error.
   */
  async toCompare (id: Id): Promise<readonly string[]> {
    return await this.#keys(id, async ({ endings, blockOf }) => {
      // In a folder, looking for a file is faster than listing the folder.
      if (this.#store.url.startsWith('file:')) return endings
      const listing = await this.#listing(blockOf(id), endings, maxBlockKeys)
      return listing.complete ? endings.filter(ending => listing.endings.has(ending)) : endings
    })
  }

  async #keys (id: Id, endingsOf: (place: Place<Id>) => Promise<readonly string[]>): Promise<readonly string[]> {
    if (this.#now() < this.#noneUntil) return []
    let noneUntil = Infinity
    const keys = await Promise.all(this.#places.map(async place => {
      const all = await this.#listing(place.prefix, place.endings, maxLayoutKeys)
      const endings = all.complete ? place.endings.filter(ending => all.endings.has(ending)) : await endingsOf(place)
      noneUntil = Math.min(noneUntil, all.complete && endings.length === 0 ? all.validUntil : -Infinity)
      return endings.map(ending => place.nameOf(id) + ending)
    }))
    this.#noneUntil = noneUntil
    return keys.flat()
  }

  /** Concurrent calls share a listing. */
  async #listing (prefix: string, endings: readonly string[], limit: number): Promise<Listing> {
    const known = this.#listings.get(prefix)
    if (known !== undefined && (await known).validUntil > this.#now()) return known
    // Another call may have begun a listing while this call waited.
    const newest = this.#listings.get(prefix)
    if (newest !== known && newest !== undefined) return newest
    const listing = this.#list(prefix, endings, limit)
    this.#listings.set(prefix, listing)
    listing.catch(() => { this.#listings.delete(prefix) })
    return listing
  }

  async #list (prefix: string, endings: readonly string[], limit: number): Promise<Listing> {
    const start = this.#now()
    const found = new Set<string>()
    let count = 0
    for await (const key of this.#store.list(prefix, { limit })) {
      count++
      const ending = endings.find(each => key.endsWith(each))
      if (ending !== undefined) found.add(ending)
    }
    const end = this.#now()
    // A listing that found everything cannot find more.
    const validUntil = endings.every(ending => found.has(ending)) ? Infinity : end + Math.max(validMs, (end - start) / maxLoad)
    return { endings: found, complete: count < limit, validUntil }
  }
}

/** Keys of alerts other than the key in `layout`. */
export function otherAlertKeys (
  store: Listed, layout: Layout, format: PackedIdFormat, now = () => performance.now()
): OtherKeys<string> {
  const own = keySchemes[layout]
  const places = [own, ...allKeySchemes.filter(scheme => scheme !== own)].map((scheme): Place<string> => ({
    prefix: scheme.alerts,
    endings: scheme === own ? scheme.endings.filter(ending => ending !== gzipped) : scheme.endings,
    nameOf: id => alertName(scheme, id, format),
    blockOf: id => blockOf(scheme, id, format)
  }))
  return new OtherKeys(store, places.filter(({ endings }) => endings.length > 0), now)
}

/** A visit in layout v3, 10^8 ids (three quarters of a visit) in the other layouts. */
function blockOf (scheme: KeyScheme, id: string, format: PackedIdFormat): string {
  const packed = scheme === keySchemes.v3 ? decodeId(BigInt(id), format) : undefined
  return scheme.alerts + (packed === undefined ? scheme.folder(id, format) + id.slice(0, -8) : visitFolder(packed))
}

/** Keys of schemas other than the key in `layout`. */
export function otherSchemaKeys (store: Listed, layout: Layout, now = () => performance.now()): OtherKeys<number> {
  const places = allKeySchemes.filter(scheme => scheme !== keySchemes[layout]).map(({ schemas: prefix }): Place<number> => ({
    prefix, endings: ['.json'], nameOf: id => `${prefix}${id}`, blockOf: () => prefix
  }))
  return new OtherKeys(store, places, now)
}
