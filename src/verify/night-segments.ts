// Copies the segments of a night from the index store and checks each one: it can be read, and its key and its rows are those that its
// metadata state.
import { readFile } from 'node:fs/promises'
import { columns } from '../alert-index/columns.ts'
import { segmentIdentity } from '../alert-index/segment.ts'
import { hasIdentity } from '../alert-index/segment-key.ts'
import { segmentMetadata } from '../alert-index/segment-metadata.ts'
import { errorCode, messageOf } from '../pipeline/index.ts'
import { damagedSegment } from '../search/damaged-segment.ts'
import { searchErrors } from '../search/errors.ts'
import type { NightSources } from '../search/night-content.ts'
import type { NightReport } from './night-report.ts'

export interface SegmentCheck {
  readonly key: string
  /** Whether the metadata agree with the rows. */
  readonly sound: boolean
}

const damages = new Set(['SEGMENT_DAMAGED', 'SEGMENT_GONE'])

/**
 * Resolves to the segments that can be read, in the order of `keys`. Reports all others, and those whose metadata are wrong.
 * Rejects with a STORE_* or SEARCH_* error, or with the reason of the signal.
 */
export async function checkSegments (
  night: string, keys: readonly string[], { store, cache, engine }: NightSources, report: NightReport, signal: AbortSignal
): Promise<SegmentCheck[]> {
  const readable: SegmentCheck[] = []
  for (const key of keys) {
    try {
      await cache.use([key], signal, async ([path = '']) => {
        const damage = await damagedSegment(engine, store.url, [key], [path], signal)
        if (damage !== undefined) throw damage
        const absent = await absentColumns(path, engine, signal)
        if (absent.length > 0) throw searchErrors.SEGMENT_DAMAGED(`the segment has no column ${absent.join(', ')}`)
        const contradiction = await contradictionOf(night, key, path, engine, signal)
        if (contradiction !== undefined) await report.add({ ...contradiction, object: 'segment', key })
        readable.push({ key, sound: contradiction?.problem !== 'damaged' })
      })
    } catch (error) {
      if (!damages.has(errorCode(error))) throw error
      const problem = errorCode(error) === 'SEGMENT_GONE' ? 'missing' : 'damaged'
      await report.add({ problem, object: 'segment', key, reason: messageOf(error) })
    }
  }
  return readable
}

async function absentColumns (path: string, engine: NightSources['engine'], signal: AbortSignal): Promise<string[]> {
  const [names = []] = await engine.query('SELECT name FROM parquet_schema($1)', [{ type: 'VARCHAR', value: path }], signal)
  const present = new Set<unknown>(names)
  return columns.map(({ name }) => name).filter(name => !present.has(name))
}

async function contradictionOf (
  night: string, key: string, path: string, engine: NightSources['engine'], signal: AbortSignal
): Promise<{ readonly problem: 'damaged' | 'different', readonly reason: string } | undefined> {
  const metadata = segmentMetadata(await readFile(path))
  if (metadata === undefined) return { problem: 'damaged', reason: 'the segment has no metadata' }
  const frames: string[] = []
  await engine.stream('SELECT "id" || \':\' || lower(hex("sha256")) FROM read_parquet($1, file_row_number = true) ORDER BY file_row_number',
    [{ type: 'VARCHAR', value: path }], signal, ([lines = []]) => { for (const line of lines) frames.push(String(line)) })
  if (metadata.night !== night || metadata.rows !== frames.length) {
    const reason = `the metadata state ${metadata.rows} rows of the night ${metadata.night}, but the segment has ${frames.length} rows`
    return { problem: 'damaged', reason }
  }
  const identity = segmentIdentity(metadata, frames)
  if (hasIdentity(key, identity)) return undefined
  const reason = `the segment was not written under this key: the hash of its content begins with ${identity.slice(0, 16)}`
  return { problem: 'different', reason }
}
