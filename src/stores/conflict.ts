// Compares new content with the existing object under the same key. Different content gives ARCHIVE_CONFLICT.
// gzip output differs by library and level, so gzip objects are compared after inflating. Every comparison reads the existing bytes, so it
// does not matter whether the object has metadata.
import { errorCode, messageOf } from '../pipeline/errors.ts'
import { sha256 } from './checksums.ts'
import { storeErrors } from './errors.ts'
import { claimedLength, defaultMaxFrameBytes, gzipType, inflate } from './gzip.ts'
import type { ObjectMeta } from './object-store.ts'

/** Resolves if `existing` has the same content as `body`, otherwise rejects with ARCHIVE_CONFLICT (the message has both SHA-256). */
export async function assertSameContent (where: string, existing: Buffer, body: Buffer, meta: ObjectMeta): Promise<void> {
  if (existing.equals(body)) return
  const found = meta.same === undefined && meta.contentType === gzipType ? inflateExisting(where, existing, body, meta) : existing
  const same = meta.same === undefined ? sha256(found) === meta.sha256 : await meta.same(existing)
  if (same) return
  const what = `the object already exists with different content: SHA-256 ${sha256(found)} in the store, ${meta.sha256} in the new object`
  throw storeErrors.ARCHIVE_CONFLICT(what, { where })
}

function inflateExisting (where: string, existing: Buffer, body: Buffer, meta: ObjectMeta): Buffer {
  try {
    // An equal object is never longer than `body`, whatever --max-record-mib allows. Up to the default, the SHA-256 can be reported.
    return inflate(existing, where, Math.max(claimedLength(body), defaultMaxFrameBytes))
  } catch (cause) {
    if (errorCode(cause) === 'OBJECT_TOO_LARGE') {
      const what = `${messageOf(cause)}, and the new object to ${claimedLength(body)} bytes with SHA-256 ${meta.sha256}`
      throw storeErrors.ARCHIVE_CONFLICT(`the object already exists with different content: ${what}`, { where })
    }
    const message = `the existing object cannot be read (${messageOf(cause)}); the new content has SHA-256 ${meta.sha256}`
    throw storeErrors.ARCHIVE_CONFLICT(message, { where, cause })
  }
}
