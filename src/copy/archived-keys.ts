// Lists the objects of an archive in the order of their keys, in each layout that Rubin has used: all of them, or the alerts of one night.
import { parseAlertId } from '../ids/alert-id.ts'
import { idRanges, type IdRange, type PackedIdFormat } from '../ids/packed-id.ts'
import { alertName, allKeySchemes, gzipped, keySchemes, parseSchemaId, type KeyScheme, type Layout } from '../stores/layouts.ts'
import type { KeyRange, ObjectStore } from '../stores/object-store.ts'

export interface ArchivedKey {
  readonly kind: 'alert' | 'schema'
  readonly key: string
  /** Canonical decimal id. */
  readonly id: string
  /** Whether the object is the gzip of a frame. False for schemas. */
  readonly compressed: boolean
}

export interface Selection {
  readonly format: PackedIdFormat
  /** YYYYMMDD. Default: alerts of all nights. */
  readonly night?: string | undefined
  /** A layout whose objects are not listed. */
  readonly except?: Layout | undefined
}

/** Called with each key below the prefixes of the archive that is not the key of an alert or a schema. */
export type Ignored = (key: string) => void

type Listing = Pick<ObjectStore, 'list' | 'url'>

/** Keys of all schemas. Rejects with a STORE_* error. */
export async function * schemaKeys (store: Listing, { except }: Selection, ignored: Ignored = () => {}): AsyncGenerator<ArchivedKey> {
  for (const { schemas } of schemesOf(store, except)) {
    for await (const key of store.list(schemas)) {
      const id = key.endsWith('.json') ? parseSchemaId(key.slice(schemas.length, -'.json'.length)) : undefined
      if (id === undefined || key !== `${schemas}${id}.json`) ignored(key)
      else yield { kind: 'schema', key, id: String(id), compressed: false }
    }
  }
}

/** Keys of the selected alerts. Rejects with a STORE_* error, or with ID_OUT_OF_RANGE if the night is not a date. */
export async function * alertKeys (store: Listing, selection: Selection, ignored: Ignored = () => {}): AsyncGenerator<ArchivedKey> {
  for (const scheme of schemesOf(store, selection.except)) {
    for (const { prefix, range, ids } of partsOf(scheme, selection)) {
      for await (const key of store.list(prefix, range)) {
        const found = parseKey(scheme, key, selection.format)
        if (found === undefined) ignored(key)
        // Between the keys of the range, there may be keys of ids with fewer or more digits.
        else if (ids === undefined || isIn(ids, BigInt(found.id))) yield found
      }
    }
  }
}

/** In a folder, a leading slash is not part of the path, so two layouts that differ only in the slash are the same objects. */
function schemesOf ({ url }: Listing, except: Layout | undefined): readonly KeyScheme[] {
  const schemes = allKeySchemes.filter(scheme => except === undefined || scheme !== keySchemes[except])
  const path = ({ alerts }: KeyScheme): string => url.startsWith('file:') ? alerts.replace(/^\//, '') : alerts
  return schemes.filter((scheme, index) => schemes.findIndex(other => path(other) === path(scheme)) === index)
}

/** A part of a listing. `ids` are the ids whose keys the range is made for. */
interface ListedPart { readonly prefix: string, readonly range: KeyRange, readonly ids?: IdRange }

function partsOf (scheme: KeyScheme, { night, format }: Selection): readonly ListedPart[] {
  const prefix = scheme.alerts
  if (night === undefined) return [{ prefix, range: {} }]
  const ranges = idRanges({ night }, format)
  if (scheme === keySchemes.v3) return [{ prefix: `${prefix}${night}/`, range: {} }]
  const nameOf = (id: bigint): string => alertName(scheme, String(id), format)
  // The slash sorts after the dot of the ending, so the last id is part of the range.
  return ranges.flatMap(byLength).map(ids => ({ prefix, range: { from: nameOf(ids.first), before: `${nameOf(ids.last)}/` }, ids }))
}

function isIn ({ first, last }: IdRange, id: bigint): boolean {
  return first <= id && id <= last
}

/** Splits a range of ids by the number of their digits, because only ids of one length have the order of their texts. */
function byLength ({ first, last }: IdRange): readonly IdRange[] {
  const next = 10n ** BigInt(String(first).length)
  return last < next ? [{ first, last }] : [{ first, last: next - 1n }, ...byLength({ first: next, last })]
}

function parseKey (scheme: KeyScheme, key: string, format: PackedIdFormat): ArchivedKey | undefined {
  const ending = scheme.endings.find(each => key.endsWith(each))
  if (ending === undefined) return undefined
  const id = parseAlertId(key.slice(key.lastIndexOf('/') + 1, -ending.length))
  if (id === undefined || key !== alertName(scheme, id, format) + ending) return undefined
  return { kind: 'alert', key, id, compressed: ending === gzipped }
}
