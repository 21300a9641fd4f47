import t from 'tap'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { createRequire } from 'node:module'
import { gzipFrame, inflate, inflateAsync, inflaterKind } from '../../src/stores/gzip.ts'

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
  for (const data of [Buffer.alloc(0), Buffer.from([0x1f, 0x8b, 8]), Buffer.alloc(100)]) {
    t.throws(() => inflate(data), { code: 'OBJECT_CORRUPT' })
  }
  for (const length of [10, 19, 100, gz.length >> 1, gz.length - 8, gz.length - 1]) {
    t.throws(() => inflate(gz.subarray(0, length)), { code: 'OBJECT_CORRUPT', retryable: false }, `truncated to ${length} bytes`)
  }
  for (const at of [0, 2, gz.length >> 2, gz.length - 8, gz.length - 4]) {
    const broken = Buffer.from(gz)
    broken[at] = broken[at]! ^ 0x55
    t.throws(() => inflate(broken), { code: 'OBJECT_CORRUPT' }, `byte ${at} changed`)
  }
})

/** How both inflating functions treat an object: the frame, or the code of the error. */
async function outcomes (gz: Buffer, limit?: number): Promise<ReadonlyArray<Buffer | string>> {
  const code = (error: unknown): string => (error as { readonly code: string }).code
  let sync: Buffer | string
  try {
    sync = inflate(gz, 'here', limit)
  } catch (error) {
    sync = code(error)
  }
  return [sync, await inflateAsync(gz, 'here', limit).catch(code)]
}

/** Like `outcomes`, with the length in place of a frame. */
async function verdicts (gz: Buffer, limit?: number): Promise<readonly string[]> {
  return (await outcomes(gz, limit)).map(outcome => Buffer.isBuffer(outcome) ? `${outcome.length} bytes` : String(outcome))
}

await t.test('bytes after the end of the gzip data are damage: garbage, zeros, a part of a member, a repeated end', async t => {
  for (const data of [frame, Buffer.alloc(2_000_000, 'long alert')]) {
    const gz = await gzipFrame(data)
    const rests = [Buffer.from('garbage'), Buffer.alloc(1), Buffer.alloc(512), gz.subarray(0, 30), gz.subarray(-100), gz.subarray(-4)]
    for (const rest of rests) {
      t.same(await verdicts(Buffer.concat([gz, rest])), ['OBJECT_CORRUPT', 'OBJECT_CORRUPT'], `${rest.length} bytes`)
    }
  }
})

await t.test('a flipped bit anywhere is detected or does not change the frame', async t => {
  const small = Buffer.concat([frame.subarray(0, 50), Buffer.alloc(200, 'alert')])
  const gz = await gzipFrame(small)
  let detected = 0
  for (let bit = 0; bit < gz.length * 8; bit++) {
    const broken = Buffer.from(gz)
    broken[bit >> 3] = broken[bit >> 3]! ^ (1 << (bit & 7))
    for (const outcome of await outcomes(broken)) {
      if (outcome === 'OBJECT_CORRUPT') detected++
      else if (!Buffer.isBuffer(outcome) || !outcome.equals(small)) t.fail(`bit ${bit}: ${String(outcome)}`)
    }
  }
  // Bytes 4 to 9 (time, compressor, operating system), the "text" flag, and up to 7 bits that fill the last byte do not concern the frame.
  t.ok(detected >= 2 * (gz.length * 8 - 6 * 8 - 1 - 7))
})

await t.test('an object that inflates to more than the limit gives OBJECT_TOO_LARGE, whatever length it claims', async t => {
  const limit = 1_000_000
  const bomb = gzipSync(Buffer.alloc(64_000_000))
  for (const claim of [64_000_000, limit, 1000, 0, 0xffffffff]) {
    const forged = Buffer.from(bomb)
    forged.writeUInt32LE(claim, forged.length - 4)
    t.same(await verdicts(forged, limit), ['OBJECT_TOO_LARGE', 'OBJECT_TOO_LARGE'], `claims ${claim} bytes`)
  }
  const members = Buffer.concat(Array.from({ length: 10 }, () => gzipSync(Buffer.alloc(limit / 5))))
  t.same(await verdicts(members, limit), ['OBJECT_TOO_LARGE', 'OBJECT_TOO_LARGE'], 'many members')
  t.same(await verdicts(bomb), ['OBJECT_TOO_LARGE', 'OBJECT_TOO_LARGE'], 'the default limit is 32 MiB')
  const most = Buffer.alloc(limit, 'a')
  for (const outcome of await outcomes(gzipSync(most), limit)) t.ok(most.equals(outcome as Buffer), 'a frame of exactly the limit')
})

await t.test('the patched zlib-sync never produces more than its output buffer', { skip: inflaterKind !== 'zlib-sync' }, async t => {
  const zlibSync = createRequire(import.meta.url)('zlib-sync') as {
    readonly Z_BUF_ERROR: number
    readonly Inflate: new (options: object) => { push (data: Buffer, flush: boolean): void, readonly err: number, readonly result: null }
  }
  for (const data of [gzipSync(Buffer.alloc(10_000_000)), Buffer.concat([gzipSync(frame), Buffer.from('garbage')])]) {
    const inflater = new zlibSync.Inflate({ windowBits: 31, chunkSize: frame.length + 1 })
    inflater.push(data, true)
    t.equal(inflater.err, zlibSync.Z_BUF_ERROR)
    t.equal(inflater.result, null)
  }
})
