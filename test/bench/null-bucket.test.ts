import t from 'tap'
import { crc32, gzipSync } from 'node:zlib'
import { NullBucket, parseMultipart } from '../../bench/null-bucket.ts'
import { base64Crc32c } from '../../src/stores/bucket.ts'

const frames = ['first frame', 'second frame'].map(text => Buffer.from(text))
const upload = (name: string, content: Buffer, announced?: string) => ({ name, content, announced })

await t.test('the report has the number, bytes and sum of CRC-32 of the decompressed objects', async t => {
  const bucket = new NullBucket({ bucket: 'b' })
  const objects = frames.map(frame => gzipSync(frame))
  for (const [index, object] of objects.entries()) bucket.put(upload(`a/${index}`, object, base64Crc32c(object)))
  t.match(bucket.report, {
    objects: 2,
    repeated: 0,
    damaged: 0,
    bytes: objects[0]!.length + objects[1]!.length,
    frameBytes: frames[0]!.length + frames[1]!.length,
    crcSum: crc32(frames[0]!) + crc32(frames[1]!),
    nameSum: crc32('a/0') + crc32('a/1')
  })
})

await t.test('an object of the same name is counted once', async t => {
  const bucket = new NullBucket({ bucket: 'b' })
  t.equal(bucket.put(upload('a', gzipSync(frames[0]!))).created, true)
  t.equal(bucket.put(upload('a', gzipSync(frames[1]!))).created, false)
  t.match(bucket.report, { objects: 1, repeated: 1, crcSum: crc32(frames[0]!) })
})

await t.test('a wrong announced checksum and a damaged gzip are counted as damaged', async t => {
  const bucket = new NullBucket({ bucket: 'b' })
  const object = gzipSync(frames[0]!)
  const damaged = Buffer.from(object)
  damaged[12]! ^= 0xff
  bucket.put(upload('a', damaged))
  bucket.put(upload('b', object, base64Crc32c(damaged)))
  t.equal(bucket.report.damaged, 2)
})

await t.test('objects that are not gzipped, such as schemas, are not counted', async t => {
  const bucket = new NullBucket({ bucket: 'b' })
  bucket.put(upload('v2/schemas/1.json', Buffer.from('{"type": "record"}')))
  t.equal(bucket.report.objects, 0)
})

await t.test('each mark is reported once, when the bucket has this number of objects', async t => {
  const reached: number[] = []
  const bucket = new NullBucket({ bucket: 'b', marks: [2, 3] }, objects => { reached.push(objects) })
  for (let index = 0; index < 5; index++) bucket.put(upload(String(index), gzipSync(frames[0]!)))
  t.strictSame(reached, [2, 3])
})

await t.test('uploads above the limit of a key range are refused, and other key ranges are not affected', async t => {
  const bucket = new NullBucket({ bucket: 'b', putsPerSecond: 2 })
  t.strictSame([0, 1, 2].map(index => bucket.admit(`night/${index}`, 1000)), [true, true, false])
  t.equal(bucket.admit('other/0', 1000), true)
  t.equal(bucket.admit('night/3', 1500), true, 'half a second allows one more')
  t.equal(bucket.admit('night/4', 1500), false)
  t.equal(bucket.report.throttled, 2)
})

await t.test('a multipart upload has the name, the announced checksum and the exact content', async t => {
  const content = Buffer.from('a\r\n\r\nb\r\n')
  const body = Buffer.concat([
    Buffer.from('--cut\r\nContent-Type: application/json\r\n\r\n{"name":"a/1","crc32c":"AAAAAA=="}\r\n--cut\r\nContent-Type: any\r\n\r\n'),
    content, Buffer.from('\r\n--cut--\r\n')
  ])
  const parsed = parseMultipart(body, 'multipart/related; boundary="cut"')
  t.match(parsed, { name: 'a/1', announced: 'AAAAAA==' })
  t.strictSame(parsed.content, content)
  t.throws(() => parseMultipart(Buffer.from('no parts'), 'multipart/related; boundary=cut'))
})
