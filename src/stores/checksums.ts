// The two checksums of an object's content. SHA-256 is the identity of the content: equal SHA-256 means the same content.
// CRC32C is the transport checksum only, because two different frames can easily have the same CRC32C.
import { hash } from 'node:crypto'
import { crc32c } from './crc32c.ts'

/** Checksums of the uncompressed bytes (the frame of an alert). */
export interface Checksums {
  readonly crc32c: number
  /** 64 lower-case hex digits. */
  readonly sha256: string
}

export function checksumsOf (content: Uint8Array): Checksums {
  return { crc32c: crc32c(content), sha256: sha256(content) }
}

/** SHA-256 as 64 lower-case hex digits. */
export function sha256 (content: Uint8Array): string {
  return hash('sha256', content)
}
