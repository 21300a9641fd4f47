// The index of the scenario search: nights of visits with 10,000 alerts each, as the program writes them. It is made once and kept in the
// cache folder, as segments only and compacted.
import { access, cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packColumns } from '../src/alert-index/columns.ts'
import { healpixNested } from '../src/alert-index/healpix.ts'
import { encodeParquet } from '../src/alert-index/parquet.ts'
import type { Entry, IndexRow } from '../src/alert-index/row.ts'
import { metadataKey, segmentsOf } from '../src/alert-index/segment.ts'
import { Random } from '../src/generator/random.ts'
import { encodeId } from '../src/ids/packed-id.ts'
import { sha256 } from '../src/stores/checksums.ts'
import { cacheDir, runProgram } from './support.ts'

export const nights = ['20260301', '20260302', '20260303'] as const
const perVisit = 10_000
const perDetector = 50
const visitSeconds = 37
const partitions = 8
const topic = 'alerts-simulated'
const topicId = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
/** Raise it if the content of the index changes. */
const version = 2

/** Folder of an index store with `visits` visits. */
export async function indexOf (visits: number, compacted: boolean, log: (line: string) => void): Promise<string> {
  const folder = join(cacheDir, `bench-search-${version}-${visits}${compacted ? '-compacted' : ''}`)
  if (await access(folder).then(() => true, () => false)) return folder
  await mkdir(cacheDir, { recursive: true })
  const temporary = await mkdtemp(`${folder}-`)
  if (compacted) {
    await cp(await indexOf(visits, false, log), temporary, { recursive: true })
    log('compacting the nights')
    const work = `${temporary}-work`
    await runProgram('compact', '--index-store', pathToFileURL(temporary).href, '--night', nights.join(','), '--work-dir', work)
    await rm(work, { recursive: true })
  } else {
    log('writing the segments')
    for (let n = 0; n < visits; n++) await writeVisit(temporary, n, visits)
  }
  await rename(temporary, folder)
  return folder
}

async function writeVisit (root: string, n: number, visits: number): Promise<void> {
  const entries: Entry[] = rowsOf(n, visits).map(row => {
    const { partition, offset, timestamp } = row as { partition: number, offset: bigint, timestamp: bigint }
    return { consumed: { topic, topicId: undefined, partition, offset, timestamp }, outcome: row }
  })
  for (const { key, rows, metadata } of segmentsOf(entries, 'kafka')) {
    const path = join(root, key)
    await mkdir(dirname(path), { recursive: true })
    const text = JSON.stringify({ ...metadata, writer: 'bench', createdAt: new Date(0).toISOString() })
    await writeFile(path, encodeParquet(packColumns(rows), { [metadataKey]: text }))
  }
}

/** Visit `n`: 200 detectors with 50 alerts each. An object is seen in every fifth visit. */
function rowsOf (n: number, visits: number): IndexRow[] {
  const perNight = Math.ceil(visits / nights.length)
  const night = nights[Math.floor(n / perNight)]!
  const sequence = n % perNight
  const random = new Random(n, 'search')
  return Array.from({ length: perVisit }, (_, i): IndexRow => {
    const detector = Math.floor(i / perDetector)
    const [ra, dec] = [sequence * 10.5 + 3.5 * random.unit(), -30 + 3.5 * random.unit()]
    const psfFlux = Math.fround(1000 * random.unit())
    const psfFluxErr = Math.fround(5 + 10 * random.unit())
    return {
      id: encodeId({ tag: 2, night, sequence, detector, counter: i % perDetector }), night: Number(night),
      visit: BigInt(night) * 100_000n + BigInt(sequence), detector, diaObjectId: BigInt(8_000_000 + i + n % 5 * perVisit), ssObjectId: null,
      midpointMjdTai: 61100.5 + n / 2000, ra, dec, healpix29: healpixNested(29, ra, dec)!, band: 'r', psfFlux, psfFluxErr,
      snr: Math.fround(psfFlux / psfFluxErr), reliability: Math.fround(random.unit()), schemaId: 1101n,
      frameBytes: 80_000 + Math.floor(3000 * random.unit()), sha256: Buffer.from(sha256(Buffer.from(`${n}:${i}`)), 'hex'), topic, topicId,
      partition: i % partitions, offset: BigInt(n * perVisit / partitions + Math.floor(i / partitions)),
      timestamp: BigInt(1_772_323_200_000 + 1000 * visitSeconds * n + i), key: null
    }
  })
}
