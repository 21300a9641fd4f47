// From a store's URL to the store: `file:///dir` or `gs://bucket[/prefix]`.
import { fileURLToPath } from 'node:url'
import { storeErrors } from './errors.ts'
import { openFileStore, type FileStoreOptions } from './file-store.ts'
import { type GcsStoreOptions } from './gcs-store.ts'
import { type ObjectStore } from './object-store.ts'

/** Where a store is. `prefix` is put before every key, '' or ending with a slash. */
type StoreLocation =
  | { readonly kind: 'file', readonly root: string }
  | { readonly kind: 'gs', readonly bucket: string, readonly prefix: string }

/** Each kind of store takes what concerns it. */
export type OpenStoreOptions = FileStoreOptions & GcsStoreOptions

/** Reads a store's URL. Throws STORE_URL_INVALID. */
export function parseStoreUrl (text: string): StoreLocation {
  const wrong = (what: string) => storeErrors.STORE_URL_INVALID(`${JSON.stringify(text)} ${what}`)
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) throw wrong('is a path, not the URL of a store')
  const scheme = text.slice(0, text.indexOf(':')).toLowerCase()
  switch (scheme) {
    case 'file': {
      if (!/^file:\/\/\//i.test(text)) throw wrong('is not an absolute file URL')
      try {
        const url = new URL(text)
        if (url.search !== '' || url.hash !== '') throw wrong('holds ? or #, which a path must escape as %3F and %23')
        return { kind: 'file', root: fileURLToPath(url) }
      } catch (cause) {
        throw cause instanceof TypeError ? storeErrors.STORE_URL_INVALID(`${JSON.stringify(text)} is not a file URL`, { cause }) : cause
      }
    }
    case 'gs': {
      const [, bucket, path] = /^gs:\/\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:\/(.*))?$/.exec(text) ?? []
      if (bucket === undefined) throw wrong('does not name a bucket')
      const prefix = (path ?? '').replace(/\/+$/, '')
      return { kind: 'gs', bucket, prefix: prefix === '' ? '' : `${prefix}/` }
    }
    default: throw wrong(`has the scheme ${scheme}, which is not one of a store`)
  }
}

/** Opens a store by its URL. Rejects with STORE_URL_INVALID, or the store's own error. */
export async function openStore (url: string, options: OpenStoreOptions = {}): Promise<ObjectStore> {
  const location = parseStoreUrl(url)
  switch (location.kind) {
    case 'file': return openFileStore(location.root, options)
    // Loaded where it is needed only: the client library takes a tenth of a second and 30 MB.
    case 'gs': return (await import('./gcs-store.ts')).openGcsStore(location, options)
  }
}
