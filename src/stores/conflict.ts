// Decides what it means that a key is taken already: the same content (nothing to do) or other content (ARCHIVE_CONFLICT).
// gzip output differs by library and level, so gzip objects are compared by what they inflate to.
import { messageOf } from '../pipeline/errors.ts'
import { crc32c, hex32 } from './crc32c.ts'
import { storeErrors } from './errors.ts'
import { inflate } from './gzip.ts'
import { type ObjectMeta } from './object-store.ts'

export const gzipType = 'application/gzip'

/** Resolves when `existing` has the content of `body`; throws ARCHIVE_CONFLICT, which names `where` and both checksums, when not. */
export async function assertSameContent (where: string, existing: Buffer, body: Buffer, meta: ObjectMeta): Promise<void> {
  if (existing.equals(body)) return
  if (meta.same !== undefined) {
    if (await meta.same(existing)) return
    throw conflict(where, hex32(crc32c(existing)), meta.crc32c)
  }
  if (meta.contentType !== gzipType) throw conflict(where, hex32(crc32c(existing)), meta.crc32c)
  let there: Buffer
  try {
    there = inflate(existing, where)
  } catch (cause) {
    throw storeErrors.ARCHIVE_CONFLICT(`the object exists and is unreadable (${messageOf(cause)}); the new content has CRC32C ${hex32(meta.crc32c)}`, { where, cause })
  }
  const checksum = crc32c(there)
  // Equal checksums of 32 bits are no proof: this path is rare enough to inflate the new object too.
  if (checksum !== meta.crc32c || !there.equals(inflate(body, where))) throw conflict(where, hex32(checksum), meta.crc32c)
}

function conflict (where: string, there: string, ours: number): Error {
  return storeErrors.ARCHIVE_CONFLICT(`the object exists with other content: CRC32C ${there} there, ${hex32(ours)} in the new one`, { where })
}
