// Kafka's default partitioner for keyed records, as in the Java client: (murmur2(key) & 0x7fffffff) mod partitions. All clients with this
// partitioner use the same partition for a key. The default partitioner of the client library masks the sign differently.

const SEED = 0x9747b28c | 0
const M = 0x5bd1e995 | 0

/** Returns the partition of a key in a topic with `partitions` partitions. */
export function partitionFor (key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

/** 32-bit murmur2 hash, signed as in Java (org.apache.kafka.common.utils.Utils). */
function murmur2 (data: Uint8Array): number {
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
