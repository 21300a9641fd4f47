// SHA-256 verification of downloaded files against pinned digests.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { devstackErrors } from './errors.ts'

/** Throws DEVSTACK_CHECKSUM unless `found` is the pinned digest. `found` is undefined if the file is missing. */
export function expectDigest (what: string, found: string | undefined, pinned: string): void {
  if (found === pinned) return
  throw devstackErrors.DEVSTACK_CHECKSUM(`${what} has SHA-256 ${found ?? 'none (missing file)'}, expected ${pinned}`)
}

export async function sha256 (path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
