import t from 'tap'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { gzipFrame, inflate, inflaterKind, looksLikeGzip } from '../../src/stores/gzip.ts'

const frame = Buffer.concat([randomBytes(30_000), Buffer.alloc(50_000, 'alert')])

t.comment(`inflater: ${inflaterKind}`)

await t.test('a compressed frame inflates to the same bytes at any size and level', async t => {
  for (const data of [Buffer.alloc(0), Buffer.from('x'), frame, randomBytes(300_000), Buffer.alloc(5_000_000)]) {
    for (const level of [1, 6, 9]) {
      const gz = await gzipFrame(data, level)
      t.ok(inflate(gz).equals(data), `${data.length} bytes at level ${level}`)
      t.ok(gunzipSync(gz).equals(data))
    }
  }
})

await t.test('the same frame gives the same gzip bytes, with neither time nor operating system in the header', async t => {
  const [one, two] = await Promise.all([gzipFrame(frame), gzipFrame(Buffer.from(frame))])
  t.ok(one.equals(two))
  t.same([...one.subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
})

await t.test('Python decompresses a compressed frame to the same bytes', async t => {
  const python = spawnSync('python3', ['-c', 'import gzip,sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))'],
    { input: await gzipFrame(frame), maxBuffer: 1e8 })
  t.ok(frame.equals(python.stdout), python.stderr.toString())
})

await t.test('inflates all members of a concatenated object, even if the members have equal lengths', async t => {
  const other = Buffer.from(frame).reverse()
  for (const [a, b] of [[frame, frame], [frame, other], [frame, Buffer.from('tail')]] as const) {
    t.ok(inflate(Buffer.concat([gzipSync(a), gzipSync(b)])).equals(Buffer.concat([a, b])))
  }
})

await t.test('inflating a damaged object throws OBJECT_CORRUPT, wherever the damage is', async t => {
  const gz = await gzipFrame(frame)
  t.throws(() => inflate(Buffer.from('plain'), 'here'), { code: 'OBJECT_CORRUPT', where: 'here' })
  t.throws(() => inflate(Buffer.alloc(0)), { code: 'OBJECT_CORRUPT' })
  for (const length of [10, 19, 100, gz.length >> 1, gz.length - 8, gz.length - 1]) {
    t.throws(() => inflate(gz.subarray(0, length)), { code: 'OBJECT_CORRUPT', retryable: false }, `truncated to ${length} bytes`)
  }
  for (const at of [0, 2, gz.length >> 2, gz.length - 8, gz.length - 4]) {
    const broken = Buffer.from(gz)
    broken[at] = broken[at]! ^ 0x55
    t.throws(() => inflate(broken), { code: 'OBJECT_CORRUPT' }, `byte ${at} changed`)
  }
})

await t.test('recognizes gzip by length and header', async t => {
  t.ok(looksLikeGzip(await gzipFrame(Buffer.alloc(0))))
  t.notOk(looksLikeGzip(Buffer.from([0x1f, 0x8b, 8])))
  t.notOk(looksLikeGzip(Buffer.alloc(100)))
})
