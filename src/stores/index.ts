// The archive and its object stores.
export { createArchive, type Archive } from './archive.ts'
export { checksumsOf } from './checksums.ts'
export { crc32c } from './crc32c.ts'
export { gzipFrame, inflate, inflaterKind } from './gzip.ts'
export { alertKey } from './layouts.ts'
export { StoreStats } from './metered-store.ts'
export { type ObjectStore } from './object-store.ts'
export { openStore } from './open-store.ts'
