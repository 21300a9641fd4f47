// Kafka's default partitioner for keyed records, equal to the Java client's: (murmur2(key) & 0x7fffffff) mod partitions. Any client that
// uses the default thus finds the same key in the same partition. The client library's own default masks the sign otherwise, so differs.

const SEED = 0x9747b28c | 0
const M = 0x5bd1e995 | 0

/** The 32-bit murmur2 hash that Kafka uses, signed as in Java. */
export function murmur2 (data: Uint8Array): number {
  const length = data.length
  let hash = SEED ^ length
  let index = 0
  for (; index + 4 <= length; index += 4) {
    let word = data[index]! | (data[index + 1]! << 8) | (data[index + 2]! << 16) | (data[index + 3]! << 24)
    word = Math.imul(word, M)
    word ^= word >>> 24
    word = Math.imul(word, M)
    hash = Math.imul(hash, M) ^ word
  }
  const rest = length - index
  if (rest > 0) {
    for (let at = rest - 1; at >= 0; at--) hash ^= data[index + at]! << (8 * at)
    hash = Math.imul(hash, M)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}

/** The partition of a key among `partitions`. */
export function partitionFor (key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}
