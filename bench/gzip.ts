// Measures compressing framed alerts with each compressor, and inflating them, as the archive does for writes and reads. The size of the
// objects is compared with zlib 6. The survey's own ingester uses Python's default, zlib 9. `main` is the CPU time of the main thread.
import { gunzipSync, gzipSync } from 'node:zlib'
import type { CompressorName } from '../src/compression/compressor.ts'
import { defaultThreads, openCompressor } from '../src/compression/open-compressor.ts'
import type { ProfileName } from '../src/generator/profiles.ts'
import { messageOf, silent } from '../src/pipeline/index.ts'
import { gzipFrame, inflate, inflaterKind } from '../src/stores/index.ts'
import { bench, type Bench, type Rows } from './harness.ts'
import { framesOf, totalBytes } from './support.ts'

const SIZES = { alerts: { full: 1000, quick: 50 } } as const
type B = Bench<typeof SIZES>

const profiles: Readonly<Record<ProfileName, string>> = { design: '82 KB', 'rubin-2026': '112 KB' }
const levels: Readonly<Record<CompressorName, readonly number[]>> = {
  zlib: [6, 9, 3, 1], libdeflate: [1, 2, 3, 4, 5, 6, 8, 10, 12], isal: [1, 2, 3]
}

const compress = (name: CompressorName, gzipLevel: number, profile: ProfileName) => async ({ sizes, warmUp, measure, skip }: B) => {
  let compressor: ReturnType<typeof openCompressor>
  try {
    compressor = openCompressor({ compressor: name, gzipLevel }, defaultThreads, silent)
  } catch (error) {
    return skip(messageOf(error))
  }
  const frames = await framesOf(sizes.alerts, profile)
  const compressAll = async (some: readonly Buffer[]): Promise<number> => {
    const lengths = await Promise.all(some.map(async frame => await compressor.gzip(frame, gz => gz.length)))
    return lengths.reduce((sum, length) => sum + length, 0)
  }
  await warmUp(() => compressAll(frames.slice(0, 50)))
  const zlib6 = frames.reduce((sum, frame) => sum + gzipSync(frame, { level: 6 }).length, 0)
  return measure(async () => {
    const before = process.threadCpuUsage()
    const compressed = await compressAll(frames)
    const { user, system } = process.threadCpuUsage(before)
    const [alerts, bytes] = [frames.length, totalBytes(frames)]
    const extra = { ratio: compressed / bytes, 'size in % of zlib 6': compressed / zlib6 * 100, main: (user + system) / 1000 / alerts }
    return { alerts, bytes, extra }
  })
}

const expand = (gunzip: (gz: Buffer) => Buffer) => async ({ sizes, warmUp, measure }: B) => {
  const objects = await Promise.all((await framesOf(sizes.alerts)).map(frame => gzipFrame(frame)))
  const expandAll = (some: readonly Buffer[]): number => some.reduce((sum, gz) => sum + gunzip(gz).length, 0)
  await warmUp(() => expandAll(objects.slice(0, 100)))
  return measure(() => ({ alerts: objects.length, bytes: expandAll(objects) }))
}

const compressRows: Rows<typeof SIZES> = Object.fromEntries((Object.keys(profiles) as ProfileName[]).flatMap(profile =>
  (Object.keys(levels) as CompressorName[]).flatMap(name => levels[name].map(level =>
    [`${profiles[profile]}, ${name} ${level}`, compress(name, level, profile)] as const))))

await bench('gzip', SIZES, {
  ...compressRows,
  'inflate, zlib-sync': async b => inflaterKind === 'zlib-sync' ? expand(gz => inflate(gz))(b) : b.skip('zlib-sync is not built'),
  'inflate, node:zlib': expand(gz => gunzipSync(gz))
}, { quick: ['82 KB, zlib 6', '82 KB, zlib 3', '82 KB, libdeflate 4', '82 KB, isal 2', 'inflate, zlib-sync', 'inflate, node:zlib'] })
