// Every compressor at every level, judged by independent gzip readers: node:zlib, zlib-sync, Python, GNU gunzip and Go.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { compressorNames, type Compressor, type CompressorName } from '../../src/compression/compressor.ts'
import { defaultThreads, openCompressor } from '../../src/compression/open-compressor.ts'
import { Random } from '../../src/generator/random.ts'
import { messageOf, silent } from '../../src/pipeline/index.ts'
import { extraField, withExtraField } from '../../src/stores/gzip-header.ts'
import { inflate } from '../../src/stores/gzip.ts'
import { tempDir } from '../support/stack.ts'
import { digest, goDigests, gunzipReport, hasGo, pythonDigests, writeObjects } from './judges.ts'

const maxLevels: Readonly<Record<CompressorName, number>> = { libdeflate: 12, isal: 3, zlib: 9 }
const levelsOf = (name: CompressorName): number[] => Array.from({ length: maxLevels[name] }, (_, index) => index + 1)

/** Why a compressor cannot be tested on this machine; false if it can. */
function unavailable (name: CompressorName): string | false {
  try {
    openCompressor({ compressor: name }, 1, silent)
    return false
  } catch (error) {
    return messageOf(error)
  }
}

const seed = Number(process.env['COMPRESSION_SEED'] ?? Date.now() % 1e9)
t.comment(`repeat with COMPRESSION_SEED=${seed}`)

/** Bytes of which number n occurs about as often as the nth Fibonacci number, so that the Huffman codes would exceed 15 bits. */
function fibonacciBytes (length: number): Buffer {
  const counts = [1, 1]
  while (counts.length < 26) counts.push(counts.at(-1)! + counts.at(-2)!)
  return Buffer.concat(counts.map((count, byte) => Buffer.alloc(count, byte))).subarray(0, length)
}

/** Random bytes that repeat at the largest distance of a match, and one byte beyond. */
function distant (bytes: number): Buffer {
  const once = randomBytes(bytes)
  return Buffer.concat([once, once, once])
}

/** A mixture of random bytes, runs, and copies of earlier bytes. */
function mixture (random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length;) {
    const end = Math.min(length, at + 1 + Math.floor(random.between(0, 3000)))
    const kind = random.between(0, 3)
    if (kind < 1) for (let i = at; i < end; i++) bytes[i] = random.bits() & 0xff
    else if (kind < 2 || at === 0) bytes.fill(random.bits() & 0xff, at, end)
    else bytes.copyWithin(at, Math.floor(random.between(0, at)), Math.min(at, end))
    at = end
  }
  return bytes
}

const random = new Random(seed, 'compression')
const frames: Readonly<Record<string, Buffer>> = {
  'no bytes': Buffer.alloc(0),
  'one byte': Buffer.from([0]),
  'random bytes': randomBytes(100_000),
  '4 MB of random bytes': randomBytes(4_000_000),
  '4 MB of zeros': Buffer.alloc(4_000_000),
  'a view into a longer buffer': randomBytes(100_000).subarray(12_345, 70_001),
  'one stored block': randomBytes(65_535),
  'one byte more than a stored block': randomBytes(65_536),
  'the largest distance of a match': distant(32_768),
  'more than the largest distance': distant(32_769),
  'unbalanced frequencies': fibonacciBytes(300_000),
  'gzip data': gzipSync(Buffer.alloc(500_000, 'alert')),
  ...Object.fromEntries(Array.from({ length: 20 }, (_, index) =>
    [`mixture ${index}`, mixture(random, Math.floor(random.between(1, 120_000)))]))
}

const time = 1_764_451_234
const field = { id: 'LA', data: Buffer.alloc(300, 'provenance') }
const archived = async (compressor: Compressor, frame: Buffer): Promise<Buffer> =>
  await compressor.gzip(frame, gz => withExtraField(gz, field, time))

for (const name of compressorNames) {
  const skip = unavailable(name)
  await t.test(`every gzip reader returns exactly the frame that ${name} compressed at each level`, { skip }, async t => {
    const objects: Buffer[] = []
    for (const level of levelsOf(name)) {
      const compressor = openCompressor({ compressor: name, gzipLevel: level }, 3, silent)
      t.match(compressor, { name, level })
      for (const [what, frame] of Object.entries(frames)) {
        const object = await archived(compressor, frame)
        const same = gunzipSync(object).equals(frame) && inflate(object).equals(frame) && extraField(object, 'LA')?.equals(field.data)
        if (same !== true) t.fail(`level ${level}: ${what}`)
        objects.push(object)
      }
    }
    const folder = await tempDir(t)
    const paths = await writeObjects(folder, objects)
    const digests = Object.values(frames).map(digest)
    const expected = levelsOf(name).flatMap(() => digests)
    t.strictSame(pythonDigests(paths), expected, 'Python')
    t.equal(gunzipReport(paths), '', 'GNU gunzip')
    const extra = `4c412c01${field.data.toString('hex')}`
    if (hasGo) t.strictSame(await goDigests(folder, paths), expected.map(sha256 => `${sha256} ${extra}`), 'Go')
    else t.comment('Go is not installed')
  })

  await t.test(`${name} is deterministic, and its objects have no time and no operating system`, { skip }, async t => {
    const compressor = openCompressor({ compressor: name }, 2, silent)
    const frame = frames['mixture 0']!
    const [one, two] = await Promise.all([1, 2].map(async () => await compressor.gzip(frame, gz => Buffer.from(gz))))
    t.ok(one!.equals(two!))
    t.strictSame([...one!.subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
  })

  await t.test(`${name} compresses many frames concurrently and never mixes their bytes`, { skip }, async t => {
    const compressor = openCompressor({ compressor: name }, 3, silent)
    const many = Array.from({ length: 300 }, (_, index) => mixture(new Random(seed, 'many', index), 20_000 + index))
    const objects = await Promise.all(many.map(async frame => await archived(compressor, frame)))
    t.equal(objects.findIndex((object, index) => !gunzipSync(object).equals(many[index]!)), -1)
  })

  await t.test(`files can be written while many frames wait for ${name}`, { skip }, async t => {
    const compressor = openCompressor({ compressor: name }, defaultThreads, silent)
    let compressed = 0
    const compressing = Promise.all(Array.from({ length: 60 }, async () => {
      await compressor.gzip(frames['4 MB of random bytes']!, () => {})
      compressed++
    }))
    await writeFile(join(await tempDir(t), 'file'), 'content')
    t.ok(compressed < 60, `${compressed} of 60 frames were compressed before the file was written`)
    await compressing
  })

  await t.test(`a failed copy of ${name}'s output rejects, and does not use up a thread`, { skip }, async t => {
    const compressor = openCompressor({ compressor: name }, 1, silent)
    const frame = Buffer.from('frame')
    await t.rejects(compressor.gzip(frame, () => { throw new Error('too long') }), { message: 'too long' })
    t.ok(gunzipSync(await archived(compressor, frame)).equals(frame))
  })

  await t.test(`${name} compresses at most as many frames at once as it has threads`, { skip }, async t => {
    const compressor = openCompressor({ compressor: name }, 2, silent)
    const order: number[] = []
    // The small frame would end first if its compression did not wait for one of the two large frames.
    const large = Buffer.alloc(5_000_000, 'some text ')
    await Promise.all([large, large, Buffer.from('small')].map(async (frame, index) =>
      await compressor.gzip(frame, () => order.push(index))))
    t.not(order[0], 2)
  })
}
