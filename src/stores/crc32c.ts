// CRC32C (Castagnoli, RFC 3720 B.4): the checksum of frames, used in object metadata, de-duplication keys and ETags.
// Uses the CPU instruction through @node-rs/crc32 (5.7 GB/s) if the package loads and passes a self-test, otherwise `tableCrc32c`.
// The Kafka client's WebAssembly fallback is no faster than `tableCrc32c`, because it copies its input.
import { createRequire } from 'node:module'
import { tableCrc32c } from './crc32c-table.ts'

type Crc32c = (data: Uint8Array, previous?: number) => number

/** CRC32C of `data` as an unsigned 32-bit number. `previous`: checksum of the preceding bytes. */
export const crc32c: Crc32c = loadNative() ?? tableCrc32c

/** Formats a 32-bit checksum as eight lower-case hex digits. */
export function hex32 (value: number): string {
  return value.toString(16).padStart(8, '0')
}

function loadNative (): Crc32c | undefined {
  try {
    // The package is an optional dependency of the Kafka client and may be installed in the client's folder, so resolve it from there.
    const { crc32c: candidate } = createRequire(import.meta.resolve('@platformatic/kafka'))('@node-rs/crc32') as { crc32c: Crc32c }
    return candidate(Buffer.from('123456789')) === 0xe3069283 ? candidate : undefined
  } catch {
    return undefined
  }
}
