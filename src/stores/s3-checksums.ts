// Verifies bytes with the checksums of an S3 response. The CRC32C may be missing (older Ceph), or it may be only an echo of the request.
// The ETag of an object that was put in one part is its MD5, unless the object is encrypted with a key of KMS or of the client.
import { hash } from 'node:crypto'
import { base64Crc32c } from './bucket.ts'

/** The fields of the responses to GetObject and PutObject that describe the stored bytes. */
export interface StoredChecksums {
  readonly ChecksumCRC32C?: string | undefined
  readonly ETag?: string | undefined
  readonly ServerSideEncryption?: string | undefined
  readonly SSECustomerAlgorithm?: string | undefined
}

export interface Mismatch { readonly kind: 'CRC32C' | 'MD5', readonly actual: string, readonly expected: string }

/**
 * Compares the CRC32C. Undefined: the checksums are equal, or the response has no CRC32C of the complete object.
 * @param actual checksum of the body, if it is known already
 */
export function crc32cMismatch (
  { ChecksumCRC32C: expected }: StoredChecksums, body: Buffer, actual = base64Crc32c(body)
): Mismatch | undefined {
  if (!hasCrc32c({ ChecksumCRC32C: expected })) return undefined
  return actual === expected ? undefined : { kind: 'CRC32C', actual, expected: expected! }
}

/** Compares the MD5. Undefined: the checksums are equal, or the ETag is no MD5. */
export function md5Mismatch ({ ETag, ServerSideEncryption, SSECustomerAlgorithm }: StoredChecksums, body: Buffer): Mismatch | undefined {
  const expected = /^"?([0-9a-f]{32})"?$/.exec(ETag ?? '')?.[1]
  if (expected === undefined || ServerSideEncryption?.startsWith('aws:kms') === true || SSECustomerAlgorithm !== undefined) return undefined
  const actual = hash('md5', body)
  return actual === expected ? undefined : { kind: 'MD5', actual, expected }
}

/** Whether the response has the CRC32C of the complete object. An object put in parts may have a checksum of checksums ("...-2"). */
export function hasCrc32c ({ ChecksumCRC32C }: StoredChecksums): boolean {
  return /^[A-Za-z0-9+/]{6}==$/.test(ChecksumCRC32C ?? '')
}
