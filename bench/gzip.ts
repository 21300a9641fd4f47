// Compression on the way into the archive and inflation on the way out, per framed alert; level 9 is what the original used.
import { gunzipSync } from 'node:zlib'
import { gzipFrame, inflate, inflaterKind } from '../src/stores/index.ts'
import { bench, type Bench } from './harness.ts'
import { framesOf, totalBytes } from './support.ts'

const sizes_ = { alerts: { full: 3000, quick: 200 } } as const
type B = Bench<typeof sizes_>

const compress = (level: number) => async ({ sizes, warmUp, measure }: B) => {
  const frames = await framesOf(sizes.alerts)
  const work = async (some: readonly Buffer[]): Promise<number> => {
    let packed = 0
    let next = 0
    await Promise.all(Array.from({ length: 4 }, async () => {
      for (let frame = some[next++]; frame !== undefined; frame = some[next++]) {
        const gz = await gzipFrame(frame, level)
        packed += gz.length
      }
    }))
    return packed
  }
  await warmUp(() => work(frames.slice(0, 50)))
  return measure(async () => {
    const packed = await work(frames)
    return { alerts: frames.length, bytes: totalBytes(frames), figures: { ratio: packed / totalBytes(frames) } }
  })
}

const expand = (unpack: (gz: Buffer) => Buffer) => async ({ sizes, warmUp, measure }: B) => {
  const objects = await Promise.all((await framesOf(sizes.alerts)).map(frame => gzipFrame(frame)))
  const work = (some: readonly Buffer[]): number => some.reduce((sum, gz) => sum + unpack(gz).length, 0)
  await warmUp(() => work(objects.slice(0, 100)))
  return measure(() => ({ alerts: objects.length, bytes: work(objects) }))
}

await bench('gzip', sizes_, {
  'gzip, level 6 (default)': compress(6),
  'gzip, level 1': compress(1),
  'gzip, level 9 (the original)': compress(9),
  'inflate, zlib-sync': async b => inflaterKind === 'zlib-sync' ? expand(gz => inflate(gz))(b) : b.skip('zlib-sync is not built here'),
  'inflate, node:zlib': expand(gz => gunzipSync(gz))
})
