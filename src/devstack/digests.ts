// SHA-256 digests of files: what came is what was pinned, or it is not used.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { devstackErrors } from './errors.ts'

/** Throws DEVSTACK_CHECKSUM. */
export function expectDigest (what: string, found: string | undefined, pinned: string): void {
  if (found === pinned) return
  throw devstackErrors.DEVSTACK_CHECKSUM(`${what} is not the pinned file: SHA-256 ${found ?? '(no such file)'}, expected ${pinned}`)
}

/** SHA-256 of a file, in hex. */
export async function sha256 (path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
