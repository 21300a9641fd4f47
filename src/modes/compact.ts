// compact: writes the segments of finished nights as sorted revisions with a manifest. This mode runs no graph.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { compactNight, type CompactionResult } from '../compaction/compact-night.ts'
import { checkNight, s3Flags, s3WriteFlags, storeFlags, uploadFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags } from '../config/flags.ts'
import { version } from '../config/version.ts'
import { finishedNights } from '../ids/night.ts'
import { defineErrors, errorCode, formatError } from '../pipeline/index.ts'
import { mode } from '../program/mode.ts'
import { bucketOptions } from '../program/stores-from-flags.ts'
import { Engine } from '../search/engine.ts'
import { createCacheFolder, SegmentCache } from '../search/segment-cache.ts'
import { openStore } from '../stores/open-store.ts'
import { modeErrors } from './errors.ts'

const compactErrors = defineErrors({
  COMPACT_INCOMPLETE: { hint: 'The log names each night and its error. Correct it and run the command again.' }
})

const compactFlags = flags({
  'index-store': {
    type: 'text', placeholder: 'URL',
    description: 'Store of the index that `alert-stream index` writes: file:///dir, s3://bucket[/prefix] or gs://bucket[/prefix]. Required.'
  },
  night: {
    type: 'list', placeholder: 'YYYYMMDD,...', check: checkNight,
    description: 'Nights (day_obs) to compact. May be given more than once. Required, unless --last-nights is set.'
  },
  'last-nights': {
    type: 'integer', min: 1, max: 366,
    description: 'Compact the last N finished nights, besides those of --night. A night (day_obs) is finished at 12:00 UTC of the next day.'
  },
  'work-dir': {
    type: 'text', placeholder: 'PATH',
    description: 'Folder for copies of segments, tables and temporary files, in which each process has a folder of its own. ' +
      'Default: $XDG_CACHE_HOME/alert-stream/compact, or ~/.cache/alert-stream/compact if XDG_CACHE_HOME is not set.'
  },
  'work-mib': {
    type: 'integer', min: 64, max: 1_048_576, default: 16_384,
    description: 'Disk space for tables and temporary files, in MiB, besides the copies of the segments.'
  },
  'memory-mib': {
    type: 'integer', min: 64, max: 65_536, default: 1024,
    description: 'Memory of the engine (DuckDB), in MiB. Larger nights use the disk. The process needs about 400 MiB more.'
  },
  'file-rows': {
    type: 'integer', min: 1, max: 10_000_000, default: 100_000,
    description: 'Maximum number of rows in a file of a revision. Readers fetch only the files with matching objects or positions.'
  },
  'gcp-project': storeFlags['gcp-project'],
  'store-timeout': storeFlags['store-timeout'],
  ...s3Flags,
  ...s3WriteFlags,
  ...uploadFlags
})

const threads = 2

/** Errors that concern one night only. */
const errorsOfNight = new Set(['SEGMENT_DAMAGED', 'SEGMENT_GONE', 'SEARCH_MEMORY', 'OBJECT_CORRUPT', 'ARCHIVE_CONFLICT'])

export default mode({
  mode: 'compact',
  about: 'Reads all segments of a night, keeps the first delivery of each message, and writes a revision: Parquet files sorted by object ' +
    'and by position, and manifest.json with counts, a digest, rejected records and gaps of the offsets. The manifest is written last. ' +
    'If the newest revision covers all segments of the night, nothing is written. Segments and revisions are never changed or deleted. ' +
    'If a segment is damaged, the night is not compacted, and the exit code is 1. Needs the npm package @duckdb/node-api.',
  examples: [
    'alert-stream compact --night 20260224,20260225 --index-store gs://alerts',
    'alert-stream compact --last-nights 3 --index-store gs://alerts'
  ],
  flags: compactFlags,
  async run (config, _positionals, host) {
    const { indexStore, lastNights = 0 } = config
    const nights = [...new Set([...config.night ?? [], ...finishedNights(lastNights, Date.now())])]
    if (indexStore === undefined) throw usageErrors.USAGE_MISSING('no index store is given: set --index-store', { where: 'compact' })
    if (nights.length === 0) throw usageErrors.USAGE_MISSING('no night is given: set --night or --last-nights', { where: 'compact' })
    const store = await openStore(indexStore, { ...bucketOptions(config, host.environment), access: 'write', log: host.log })
    let folder: string | undefined
    let engine: Engine | undefined
    try {
      // A mistyped URL must fail, not compact nothing.
      await store.check()
      folder = await createCacheFolder(config.workDir ?? join(host.cacheDir, 'compact'), 'compact')
      engine = await Engine.open({ folder, memoryMib: config.memoryMib, threads, temporaryMib: config.workMib, ordered: true })
      let failed = 0
      for (const night of nights) {
        // Each night has a cache of its own, so the copies of its segments are deleted with it.
        const cache = new SegmentCache({ store, folder: await nightFolder(folder, night), maxBytes: Infinity })
        const options = { store, engine, cache, folder, rowsPerFile: config.fileRows, writer: `alert-stream ${version()}` }
        try {
          const start = performance.now()
          const result = await compactNight(night, options, host.stop)
          const fields = { night, ...logFields(result), readBytes: cache.bytes, seconds: secondsSince(start) }
          host.log.info(fields, result.revision === undefined ? 'nothing to compact' : 'compacted a night')
          await host.print(`${night}: ${described(result)}\n`)
        } catch (error) {
          if (host.stop.aborted) throw modeErrors.STOPPED('stopped before all nights were compacted', { where: night })
          if (!errorsOfNight.has(errorCode(error))) throw error
          failed++
          host.log.error({ night, error: formatError(error) }, 'cannot compact a night')
        } finally {
          await rm(join(folder, night), { recursive: true, force: true })
        }
      }
      if (failed > 0) throw compactErrors.COMPACT_INCOMPLETE(`${failed} of ${nights.length} nights could not be compacted`)
    } finally {
      engine?.close()
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
      await store.close()
    }
  }
})

async function nightFolder (folder: string, night: string): Promise<string> {
  const path = join(folder, night)
  await mkdir(path, { recursive: true })
  return path
}

/** Without `revision`, nothing was written. */
function logFields ({ segments, revision, rows, gaps, rejected, files }: CompactionResult): object {
  const written = Object.values(files ?? {}).flat()
  return {
    segments, revision, rows, rejected: rejected?.length, gaps: gaps?.length, writtenFiles: written.length,
    writtenBytes: written.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

const secondsSince = (start: number): number => Math.round(performance.now() - start) / 1000

function described ({ segments, revision, rows, gaps = [], rejected = [] }: CompactionResult): string {
  if (segments === 0) return 'no segments'
  if (revision === undefined) return 'the newest revision covers all segments'
  return `revision ${revision}, ${rows} rows of ${segments} segments, ${rejected.length} rejected, ${gaps.length} gaps`
}
