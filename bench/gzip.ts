// Measures compressing and inflating framed alerts, as the archive does for writes and reads. The survey's own ingester uses gzip level 9.
import { gunzipSync } from 'node:zlib'
import { gzipFrame, inflate, inflaterKind } from '../src/stores/index.ts'
import { bench, type Bench } from './harness.ts'
import { framesOf, totalBytes } from './support.ts'

const SIZES = { alerts: { full: 3000, quick: 200 } } as const
type B = Bench<typeof SIZES>

const compress = (level: number) => async ({ sizes, warmUp, measure }: B) => {
  const frames = await framesOf(sizes.alerts)
  const compressAll = async (some: readonly Buffer[]): Promise<number> => {
    let compressed = 0
    let next = 0
    await Promise.all(Array.from({ length: 4 }, async () => {
      for (let frame = some[next++]; frame !== undefined; frame = some[next++]) {
        const gz = await gzipFrame(frame, level)
        compressed += gz.length
      }
    }))
    return compressed
  }
  await warmUp(() => compressAll(frames.slice(0, 50)))
  return measure(async () => {
    const compressed = await compressAll(frames)
    return { alerts: frames.length, bytes: totalBytes(frames), extra: { ratio: compressed / totalBytes(frames) } }
  })
}

const expand = (gunzip: (gz: Buffer) => Buffer) => async ({ sizes, warmUp, measure }: B) => {
  const objects = await Promise.all((await framesOf(sizes.alerts)).map(frame => gzipFrame(frame)))
  const expandAll = (some: readonly Buffer[]): number => some.reduce((sum, gz) => sum + gunzip(gz).length, 0)
  await warmUp(() => expandAll(objects.slice(0, 100)))
  return measure(() => ({ alerts: objects.length, bytes: expandAll(objects) }))
}

await bench('gzip', SIZES, {
  'gzip, level 6 (default)': compress(6),
  'gzip, level 1': compress(1),
  'gzip, level 9 (survey\'s ingester)': compress(9),
  'inflate, zlib-sync': async b => inflaterKind === 'zlib-sync' ? expand(gz => inflate(gz))(b) : b.skip('zlib-sync is not built'),
  'inflate, node:zlib': expand(gz => gunzipSync(gz))
})
