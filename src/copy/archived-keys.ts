// Lists the objects of an archive for a copy, layout by layout: the schemas, and all alerts or those of one night.
import { idRanges, type PackedIdFormat } from '../ids/packed-id.ts'
import { allKeys, keysInRanges } from '../stores/alert-keys.ts'
import { allKeySchemes, distinctKeySchemes, gzipped, keySchemes, type KeyScheme, type Layout } from '../stores/layouts.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { schemaKeys as listSchemas } from '../stores/schema-keys.ts'

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
  for await (const { id, key } of listSchemas(store, schemesBut(except), ignored)) {
    yield { kind: 'schema', key, id: String(id), compressed: false }
  }
}

/** Keys of the selected alerts. Rejects with a STORE_* error, or with ID_OUT_OF_RANGE if the night is not a date. */
export async function * alertKeys (
  store: Listing, { format, night, except }: Selection, ignored: Ignored = () => {}
): AsyncGenerator<ArchivedKey> {
  const ranges = night === undefined ? undefined : idRanges({ night }, format)
  const options = { store, format, ignored }
  for (const scheme of distinctKeySchemes(store.url, schemesBut(except))) {
    for (const keys of ranges === undefined ? [allKeys(scheme, options)] : keysInRanges(scheme, ranges, options)) {
      for await (const { id, key, ending } of keys) yield { kind: 'alert', key, id: id.toString(), compressed: ending === gzipped }
    }
  }
}

function schemesBut (except: Layout | undefined): readonly KeyScheme[] {
  return allKeySchemes.filter(scheme => except === undefined || scheme !== keySchemes[except])
}
