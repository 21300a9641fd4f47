// Lists the objects of an archive in the order of their keys, in each layout that Rubin has used: all of them, or the alerts of one night.
import { idRanges, isIn, type IdRange, type PackedIdFormat } from '../ids/packed-id.ts'
import {
  allKeySchemes, gzipped, keyRanges, keySchemes, parseAlertKey, parseSchemaId, type KeyScheme, type Layout
} from '../stores/layouts.ts'
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
        const found = parseAlertKey(scheme, key, selection.format)
        if (found === undefined) ignored(key)
        else if (ids === undefined || isIn(ids, BigInt(found.id))) {
          yield { kind: 'alert', key, id: found.id, compressed: found.ending === gzipped }
        }
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
  return ranges.flatMap(range => keyRanges(scheme, range, format)).map(({ ids, keys }) => ({ prefix, range: keys, ids }))
}
