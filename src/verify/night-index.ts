// Compares the index of a night, its segments and its newest complete revision, with the frames of the archive.
import { revisionKey, revisionNumbers, type NightContent } from '../alert-index/revision.ts'
import { keysOf, listSegments } from '../alert-index/segment-key.ts'
import { AlertStreamError } from '../pipeline/index.ts'
import type { Engine } from '../search/engine.ts'
import { framesOf, nightContent } from '../search/night-content.ts'
import type { SegmentCache } from '../search/segment-cache.ts'
import { sha256 } from '../stores/checksums.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { checkFiles, compareCounts, compareSegments, soundManifest } from './night-manifest.ts'
import type { NightReport, NightSubject } from './night-report.ts'
import { checkSegments } from './night-segments.ts'
import type { NightTables } from './night-tables.ts'

interface NightIndex {
  readonly store: Pick<ObjectStore, 'get' | 'list' | 'url'>
  readonly engine: Pick<Engine, 'query' | 'stream'>
  readonly cache: Pick<SegmentCache, 'use'>
  /** Has the frames of the archive. */
  readonly tables: NightTables
}

/** The totals of a comparison. */
export interface Compared extends Omit<NightSubject, 'night' | 'alertStore' | 'indexStore'> {
  /** Whether all parts could be compared. */
  readonly complete: boolean
}

export const nothingCompared: Compared = {
  complete: false, revision: null, segments: 0, rows: 0, frames: 0, verified: 0, rejected: [], gaps: []
}

/** Rejects with a STORE_* or SEARCH_* error, or with the reason of the signal. */
export async function compareIndex (night: string, index: NightIndex, report: NightReport, signal: AbortSignal): Promise<Compared> {
  const { store, cache, tables } = index
  const stored = keysOf(await listSegments(store, night))
  const { complete: revision } = await revisionNumbers(store, night)
  const manifest = revision === undefined ? undefined : await soundManifest(store, night, revision, report)
  if (manifest !== undefined) await compareSegments(manifest, stored, report)
  const segments = await checkSegments(night, stored, index, report, signal)
  const covered = new Set(manifest?.segments)
  await cache.use(keysOf(segments), signal, async paths => {
    await tables.readFrames(segments.map(({ key }, number) => ({ key, path: paths[number]!, covered: covered.has(key) })))
  })
  await tables.compare(report, manifest !== undefined)

  const sound = keysOf(segments.filter(each => each.sound))
  const content = await contentOf(night, sound, index, report, signal)
  let complete = content !== undefined
  if (manifest !== undefined) {
    // A manifest whose segments are missing or damaged cannot be compared. Those are reported already.
    const isComparable = manifest.segments.every(key => sound.includes(key))
    const named = isComparable && manifest.segments.length === sound.length ? content
      : isComparable ? await contentOf(night, manifest.segments, index, report, signal) : undefined
    if (named === undefined) complete = false
    else await compareCounts(revisionKey(night, manifest.revision), manifest, named, report)
    await checkFiles(manifest, index, report, signal)
  }
  const { rejected = [], gaps = [] } = content ?? {}
  return { complete, revision: revision ?? null, segments: stored.length, ...await tables.counts(), rejected, gaps }
}

const empty: Omit<NightContent, 'night'> = {
  version: 1, segments: [], rows: 0, alerts: 0, bytes: 0, firstTimestamp: null, lastTimestamp: null, digest: sha256(Buffer.alloc(0)),
  visits: [], rejected: [], gaps: []
}

/** Resolves to undefined, and reports it, if a segment of another night is damaged that may account for a gap. */
async function contentOf (
  night: string, keys: readonly string[], index: NightIndex, report: NightReport, signal: AbortSignal
): Promise<NightContent | undefined> {
  if (keys.length === 0) return { ...empty, night }
  try {
    return await index.cache.use(keys, signal, async paths => await nightContent(index, night, keys, paths, framesOf(paths), signal))
  } catch (error) {
    if (!(error instanceof AlertStreamError) || !/^SEGMENT_(DAMAGED|GONE)$/.test(error.code)) throw error
    const where = error.where === undefined ? '' : ` (${error.where})`
    await report.add({ problem: 'damaged', object: 'segment', reason: `${error.message}${where}` })
    return undefined
  }
}
