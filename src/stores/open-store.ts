// Opens a store by its URL: `file:///dir`, `gs://bucket[/prefix]` or `s3://bucket[/prefix]`.
import { fileURLToPath } from 'node:url'
import { storeErrors } from './errors.ts'
import { openFileStore, type FileStoreOptions } from './file-store.ts'
import type { BucketLocation } from './open-bucket-store.ts'
import type { GcsStoreOptions } from './open-gcs-store.ts'
import type { S3StoreOptions } from './open-s3-store.ts'
import type { ObjectStore } from './object-store.ts'

type StoreLocation = { readonly kind: 'file', readonly root: string } | { readonly kind: 'gs' | 's3' } & BucketLocation

/** Options of file stores and of buckets. A store ignores the options that are only for other kinds. */
export type OpenStoreOptions = FileStoreOptions & GcsStoreOptions & S3StoreOptions

/** Rejects with STORE_URL_INVALID, or with a STORE_* error if the store cannot be opened. */
export async function openStore (url: string, options: OpenStoreOptions = {}): Promise<ObjectStore> {
  const location = parseStoreUrl(url)
  switch (location.kind) {
    case 'file': return openFileStore(location.root, options)
    // Loaded on demand, because each client library takes 0.1 to 0.3 s and at least 30 MB.
    case 'gs': return (await import('./open-gcs-store.ts')).openGcsStore(location, options)
    case 's3': return (await import('./open-s3-store.ts')).openS3Store(location, options)
  }
}

function parseStoreUrl (text: string): StoreLocation {
  const invalid = (what: string, cause?: unknown) => storeErrors.STORE_URL_INVALID(`${JSON.stringify(text)} ${what}`, { cause })
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) throw invalid('is a path, not a store URL')
  const scheme = text.slice(0, text.indexOf(':')).toLowerCase()
  switch (scheme) {
    case 'file': {
      if (!/^file:\/\/\//i.test(text)) throw invalid('is not an absolute file URL')
      const url = URL.parse(text)
      if (url === null) throw invalid('is not a file URL')
      if (url.search !== '' || url.hash !== '') throw invalid('contains ? or #. In a path, escape them as %3F and %23')
      try {
        return { kind: 'file', root: fileURLToPath(url) }
      } catch (cause) {
        throw invalid('is not a file URL', cause)
      }
    }
    case 'gs':
    case 's3': {
      const [, bucket, path] = /^(?:gs|s3):\/\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:\/(.*))?$/.exec(text) ?? []
      if (bucket === undefined) throw invalid('does not name a bucket')
      const prefix = (path ?? '').replace(/\/+$/, '')
      return { kind: scheme, bucket, prefix: prefix === '' ? '' : `${prefix}/` }
    }
    default: throw invalid(`has the unknown scheme "${scheme}"`)
  }
}
