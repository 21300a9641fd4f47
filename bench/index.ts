// Indexing: CPU time of the projection of an alert besides reading it, CPU time and bytes of a row in a segment, and bytes of a row in a
// compacted night. `SHA-256 only` is the part of the projection that no program can avoid.
import { hash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { packColumns } from '../src/alert-index/columns.ts'
import { encodeParquet } from '../src/alert-index/parquet.ts'
import { projectionOf } from '../src/alert-index/projection.ts'
import type { Entry } from '../src/alert-index/row.ts'
import { segmentsOf } from '../src/alert-index/segment.ts'
import { parseFrame } from '../src/avro/wire-format.ts'
import { parseWriterSchema } from '../src/avro/writer-schema.ts'
import { rubinIds } from '../src/ids/packed-id.ts'
import { bench, usage, type Bench, type Work } from './harness.ts'
import { indexOf } from './search-index.ts'
import { alertGenerator, framesOf, schemaVersion, totalBytes } from './support.ts'

const sizes = { alerts: { full: 20_000, quick: 1000 }, frames: { full: 1000, quick: 200 }, visits: { full: 100, quick: 6 } }
type IndexBench = Bench<typeof sizes>
/** Rows of a segment with the default settings. */
const perSegment = 10_000
const topic = 'alerts-simulated'

/** A function that makes the entry of a frame, which was delivered as record `n`. */
async function indexer (): Promise<(frame: Buffer, n: number) => Entry> {
  const project = projectionOf(parseWriterSchema((await schemaVersion()).text, 'the newest schema'), rubinIds)
  const topicId = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
  return (frame, n) => {
    const { schemaId, datum } = parseFrame(frame)
    const [partition, offset, timestamp] = [n % 8, BigInt(n >> 3), BigInt(1_772_323_200_000 + (n >> 2))]
    const row = project({ frame, schemaId, datum }, { topic, topicId, partition, offset, timestamp, key: null })
    return { consumed: { topic, topicId: undefined, partition, offset, timestamp }, outcome: row }
  }
}

/** Bytes of the segments of entries. */
function encoded (all: readonly Entry[]): number {
  let bytes = 0
  for (let at = 0; at < all.length; at += perSegment) {
    for (const { rows, metadata } of segmentsOf(all.slice(at, at + perSegment), 'kafka')) {
      bytes += encodeParquet(packColumns(rows), { metadata: JSON.stringify(metadata) }).length
    }
  }
  return bytes
}

const perAlert = (cpuMs: number, alerts: number): number => Number((cpuMs * 1000 / alerts).toFixed(1))

async function each ({ sizes: { alerts, frames: count }, warmUp, measure }: IndexBench, use: (frame: Buffer, n: number) => unknown) {
  const frames = await framesOf(count)
  await warmUp(() => { for (let n = 0; n < 1000; n++) use(frames[n % count]!, n) })
  const result = await measure(() => {
    for (let n = 0; n < alerts; n++) use(frames[n % count]!, n)
    return { alerts, bytes: totalBytes(frames) / count * alerts }
  })
  return { ...result, extra: { 'CPU-us/alert': perAlert(result.cpuMs, alerts) } }
}

await bench('index', sizes, {
  'project and encode': async ({ sizes: { alerts, frames: count }, warmUp, measure }) => {
    const frames = await framesOf(count)
    const entry = await indexer()
    const run = (number: number): Work => {
      const before = usage().cpuMs
      const all = Array.from({ length: number }, (_, n) => entry(frames[n % count]!, n))
      const projected = usage().cpuMs
      encoded(all)
      return {
        alerts: number, bytes: totalBytes(frames) / count * number,
        extra: { 'project CPU-us': perAlert(projected - before, number), 'encode CPU-us': perAlert(usage().cpuMs - projected, number) }
      }
    }
    await warmUp(() => run(2000))
    const result = await measure(() => run(alerts))
    return { ...result, extra: { ...result.extra, 'CPU-us/alert': perAlert(result.cpuMs, alerts) } }
  },
  'SHA-256 only': async options => await each(options, frame => hash('sha256', frame, 'buffer')),
  'bytes of a row, generated visit': async ({ sizes: { alerts }, measure }) => {
    const count = Math.min(alerts, perSegment)
    const [version, entry] = [await schemaVersion(), await indexer()]
    const alert = alertGenerator(version)
    const all = Array.from({ length: count }, (_, n) => entry(version.schema.encodeFramed(1, alert(n, count)), n))
    return await measure(() => {
      const bytes = encoded(all)
      return { alerts: all.length, bytes, extra: { 'bytes/row': bytes / all.length } }
    })
  },
  'bytes of a row, compacted nights': async ({ sizes: { visits }, log, measure }) => {
    const folder = join(await indexOf(visits, true, log), 'index', 'v1')
    return await measure(async () => {
      const rows = visits * perSegment
      const size = async (name: RegExp): Promise<number> => {
        let bytes = 0
        for (const path of await readdir(folder, { recursive: true })) if (name.test(path)) bytes += (await stat(join(folder, path))).size
        return bytes
      }
      const [segments, byObject, byPosition] = [
        await size(/^segments.*\.parquet$/), await size(/by-object-.*\.parquet$/), await size(/by-position-.*\.parquet$/)
      ]
      return {
        alerts: rows, bytes: segments + byObject + byPosition,
        extra: { 'segments B/row': segments / rows, 'by-object B/row': byObject / rows, 'by-position B/row': byPosition / rows }
      }
    })
  }
})
