import t from 'tap'
import { murmur2, partitionFor } from '../../src/kafka/murmur2.ts'

await t.test('hashes are those of the Java client', async t => {
  // From UtilsTest of Apache Kafka.
  const vectors: ReadonlyArray<readonly [string, number]> = [
    ['21', -973932308], ['foobar', -790332482], ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829], ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971]
  ]
  for (const [text, hash] of vectors) t.equal(murmur2(Buffer.from(text)), hash, text)
  t.equal(murmur2(Buffer.from('abc')), 479470107)
})

await t.test('partitions stay within the topic, also where the hash is negative', async t => {
  const seen = new Set<number>()
  for (let key = 0; key < 1000; key++) seen.add(partitionFor(Buffer.from(String(key)), 8))
  t.strictSame([...seen].sort(), [0, 1, 2, 3, 4, 5, 6, 7])
  t.equal(partitionFor(Buffer.from('21'), 10), (-973932308 & 0x7fffffff) % 10)
})
