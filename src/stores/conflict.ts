// Compares new content with the existing object under the same key. Different content gives ARCHIVE_CONFLICT.
// gzip output differs by library and level, so gzip objects are compared after inflating.
import { messageOf } from '../pipeline/errors.ts'
import { crc32c, hex32 } from './crc32c.ts'
import { storeErrors } from './errors.ts'
import { claimedLength, defaultMaxFrameBytes, gzipType, inflate } from './gzip.ts'
import { type ObjectMeta } from './object-store.ts'

/** Resolves if `existing` has the same content as `body`, otherwise rejects with ARCHIVE_CONFLICT (the message has both checksums). */
export async function assertSameContent (where: string, existing: Buffer, body: Buffer, meta: ObjectMeta): Promise<void> {
  if (existing.equals(body)) return
  if (meta.same !== undefined) {
    if (await meta.same(existing)) return
    throw conflict(where, hex32(crc32c(existing)), meta.crc32c)
  }
  if (meta.contentType !== gzipType) throw conflict(where, hex32(crc32c(existing)), meta.crc32c)
  const given = inflate(body, where, claimedLength(body))
  let inflated: Buffer
  try {
    inflated = inflate(existing, where, Math.max(given.length, defaultMaxFrameBytes))
  } catch (cause) {
    const message = `the existing object cannot be read (${messageOf(cause)}); the new content has CRC32C ${hex32(meta.crc32c)}`
    throw storeErrors.ARCHIVE_CONFLICT(message, { where, cause })
  }
  const checksum = crc32c(inflated)
  // Equal 32-bit checksums do not prove equal content, so compare the inflated bytes. This code runs only if the gzip bytes differ.
  if (checksum !== meta.crc32c || !inflated.equals(given)) throw conflict(where, hex32(checksum), meta.crc32c)
}

function conflict (where: string, existing: string, given: number): Error {
  const message = `the object already exists with different content: CRC32C ${existing} in the store, ${hex32(given)} in the new object`
  return storeErrors.ARCHIVE_CONFLICT(message, { where })
}
