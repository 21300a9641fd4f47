// Computes the CRC32C of bytes whose beginning was replaced, from the old CRC32C and without reading the unchanged bytes again. The result
// is right only if the unchanged bytes are those of the old CRC32C, so damage to them in the meantime is still detected.
import { crc32c } from './crc32c.ts'

/** The polynomial of CRC32C, with reversed bits. */
const POLYNOMIAL = 0x82f63b78
/** The polynomial 1, with reversed bits. */
const ONE = 2 ** 31
const BITS_PER_BYTE_LOG2 = 3

/** Product of two polynomials over GF(2), modulo the polynomial of CRC32C. */
function multiply (a: number, b: number): number {
  let product = 0
  for (let bit = ONE; bit > 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= b
    b = (b & 1) === 0 ? b >>> 1 : (b >>> 1) ^ POLYNOMIAL
  }
  return product >>> 0
}

/** Entry n is x to the power of 2^n. */
const powers = [2 ** 30]
for (let n = 1; n < 32 + BITS_PER_BYTE_LOG2; n++) powers.push(multiply(powers[n - 1]!, powers[n - 1]!))

/** Effect of `bytes` further bytes on a difference of two checksums: multiplies it by x^(8 * bytes). */
function shift (difference: number, bytes: number): number {
  let factor = ONE
  for (let n = BITS_PER_BYTE_LOG2, rest = bytes; rest > 0; n++, rest >>>= 1) {
    if ((rest & 1) !== 0) factor = multiply(powers[n]!, factor)
  }
  return multiply(factor, difference)
}

/**
 * CRC32C of `after` followed by the unchanged bytes.
 * @param checksum CRC32C of `before` followed by the unchanged bytes
 * @param unchanged number of unchanged bytes, less than 2^32
 */
export function replacePrefix (checksum: number, before: Uint8Array, after: Uint8Array, unchanged: number): number {
  return (checksum ^ shift((crc32c(before) ^ crc32c(after)) >>> 0, unchanged)) >>> 0
}
