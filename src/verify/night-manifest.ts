// Compares the newest complete revision of a night with the segments that its manifest names, and its files with the manifest.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import {
  readManifest, revisionKey, type Manifest, type NightContent, type RevisionFile, type VisitCount
} from '../alert-index/revision.ts'
import { errorCode, messageOf } from '../pipeline/index.ts'
import { countsOf, type NightSources } from '../search/night-content.ts'
import { parquet, statement } from '../search/statements.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { NightReport } from './night-report.ts'

/**
 * Resolves to the newest complete manifest of a night. Resolves to undefined, and reports it, if it is damaged. Rejects with a STORE_*
 * error.
 */
export async function soundManifest (
  store: Pick<ObjectStore, 'get' | 'url'>, night: string, revision: number, report: NightReport
): Promise<Manifest | undefined> {
  const damaged = async (reason: string): Promise<undefined> => {
    await report.add({ problem: 'damaged', object: 'manifest', key: revisionKey(night, revision), reason })
  }
  try {
    const manifest = await readManifest(store, night, revision)
    const lists = [manifest.segments, manifest.visits, manifest.files?.byObject, manifest.files?.byPosition]
    return lists.every(Array.isArray) ? manifest : await damaged('the manifest has not the lists of segments, visits and files')
  } catch (error) {
    if (errorCode(error) !== 'OBJECT_CORRUPT') throw error
    return await damaged(messageOf(error))
  }
}

const fields = ['rows', 'alerts', 'bytes', 'firstTimestamp', 'lastTimestamp', 'digest'] as const

/** Reports the segments that the manifest names and the store does not have, and those that the store has in addition. */
export async function compareSegments (
  { revision, segments }: Manifest, stored: readonly string[], report: NightReport
): Promise<void> {
  const present = new Set(stored)
  const covered = new Set(segments)
  for (const key of segments) {
    if (present.has(key)) continue
    await report.add({ problem: 'missing', object: 'segment', key, reason: `the manifest of revision ${revision} names the segment` })
  }
  for (const key of stored) {
    if (covered.has(key)) continue
    const reason = `the segment arrived after revision ${revision}, whose manifest does not name it`
    await report.add({ problem: 'uncounted', object: 'segment', key, reason })
  }
}

/** Reports each count of the manifest that is not that of its segments. */
export async function compareCounts (key: string, manifest: Manifest, content: NightContent, report: NightReport): Promise<void> {
  for (const field of fields) {
    if (manifest[field] === content[field]) continue
    const reason = `${field} is ${manifest[field]} in the manifest, but ${content[field]} in its segments`
    await report.add({ problem: 'different', object: 'manifest', key, reason })
  }
  const stated = new Map(manifest.visits.map(each => [each.visit, each]))
  const actual = new Map(content.visits.map(each => [each.visit, each]))
  for (const visit of new Set([...stated.keys(), ...actual.keys()])) {
    const reason = differenceOf(stated.get(visit) ?? none, actual.get(visit) ?? none)
    if (reason !== undefined) await report.add({ problem: 'different', object: 'visit', visit, key, reason })
  }
}

type Count = Pick<VisitCount, 'rows' | 'detectors'>
const none: Count = { rows: 0, detectors: {} }

function differenceOf (stated: Count, actual: Count): string | undefined {
  const detectors = [...new Set([stated, actual].flatMap(each => Object.keys(each.detectors)))]
    .filter(detector => stated.detectors[detector] !== actual.detectors[detector])
    .map(detector => `${detector}: ${stated.detectors[detector] ?? 0} and ${actual.detectors[detector] ?? 0}`)
  if (stated.rows === actual.rows && detectors.length === 0) return undefined
  const byDetector = detectors.length === 0 ? '' : ` (by detector: ${detectors.join(', ')})`
  return `the manifest counts ${stated.rows} frames, but its segments have ${actual.rows}${byDetector}`
}

/** Reports files that are missing or damaged, or whose rows are not those of the manifest. Rejects with a STORE_* or SEARCH_* error. */
export async function checkFiles (
  manifest: Manifest, { store, cache, engine }: NightSources, report: NightReport, signal: AbortSignal
): Promise<void> {
  for (const files of Object.values(manifest.files)) {
    let damaged = false
    for (const file of files) {
      const problem = await damageOf(file, { cache }, signal)
      damaged ||= problem !== undefined
      if (problem !== undefined) await report.add({ ...problem, object: 'file', key: file.key })
    }
    if (damaged || files.length === 0) continue
    const keys = files.map(({ key }) => key)
    const { rows, digest } = await cache.use(keys, signal, async paths =>
      await countsOf(engine, statement(parameters => `SELECT * FROM ${parquet(parameters, paths)}`), signal))
    if (rows === manifest.rows && digest === manifest.digest) continue
    const reason = `the files ${keys.join(', ')} of ${store.url} have ${rows} rows with digest ${digest}, ` +
      `but the manifest states ${manifest.rows} with ${manifest.digest}`
    await report.add({ problem: 'different', object: 'file', key: keys[0]!, reason })
  }
}

async function damageOf (
  { key, bytes, sha256 }: RevisionFile, { cache }: Pick<NightSources, 'cache'>, signal: AbortSignal
): Promise<{ readonly problem: 'missing' | 'damaged', readonly reason: string } | undefined> {
  try {
    return await cache.use([key], signal, async ([path = '']) => {
      const { size } = await stat(path)
      const hash = createHash('sha256')
      await pipeline(createReadStream(path), hash, { signal })
      const actual = hash.digest('hex')
      if (size === bytes && actual === sha256) return undefined
      const reason = `the file has ${size} bytes with SHA-256 ${actual}, but the manifest states ${bytes} with ${sha256}`
      return { problem: 'damaged', reason }
    })
  } catch (error) {
    if (errorCode(error) === 'SEGMENT_GONE') return { problem: 'missing', reason: 'the manifest names the file, which is missing' }
    if (errorCode(error) === 'SEGMENT_DAMAGED') return { problem: 'damaged', reason: messageOf(error) }
    throw error
  }
}
