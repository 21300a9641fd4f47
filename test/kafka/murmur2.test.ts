import t from 'tap'
import { partitionFor } from '../../src/kafka/murmur2.ts'

await t.test('partitionFor returns the same partitions as the Java client', async t => {
  // Hashes from UtilsTest of Apache Kafka. With 2^31 partitions the partition is the hash without its sign bit.
  const vectors: ReadonlyArray<readonly [string, number]> = [
    ['21', -973932308], ['foobar', -790332482], ['a-little-bit-long-string', -985981536], ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971], ['abc', 479470107]
  ]
  for (const [key, hash] of vectors) {
    t.equal(partitionFor(Buffer.from(key), 2 ** 31), hash & 0x7fffffff, key)
    t.equal(partitionFor(Buffer.from(key), 10), (hash & 0x7fffffff) % 10, key)
  }
})

await t.test('1000 keys cover every partition, and every returned partition exists', async t => {
  const seen = new Set<number>()
  for (let key = 0; key < 1000; key++) seen.add(partitionFor(Buffer.from(String(key)), 8))
  t.strictSame([...seen].sort(), [0, 1, 2, 3, 4, 5, 6, 7])
})
