// The archive and the stores below it.
export { createArchive, type Archive } from './archive.ts'
export { crc32c, crc32cKind, hex32 } from './crc32c.ts'
export { storeErrors } from './errors.ts'
export { openFileStore,  } from './file-store.ts'

export { defaultGzipLevel, gzipFrame, gzipType, inflate, inflaterKind, looksLikeGzip } from './gzip.ts'
export { alertKey, alertPrefix, defaultLayout, layouts, parseAlertId, parseSchemaId, readingOrder, schemaKey,  } from './layouts.ts'
export { metered, StoreStats,  } from './metered.ts'
export {  type ObjectStore,   } from './object-store.ts'
export { openStore, parseStoreUrl, type OpenStoreOptions,  } from './open-store.ts'
