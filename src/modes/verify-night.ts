// verify --night: compares archive, index and manifest of one night. Reads the objects of the archive first, then the index, and writes
// nothing.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { checkNight, type S3FlagsConfig, type StoreFlagsConfig } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { packedIdFormat } from '../ids/packed-id.ts'
import { createGraph, patientRetry, type Sink } from '../pipeline/index.ts'
import { counted } from '../print/counted.ts'
import type { Host } from '../program/mode.ts'
import { progressBar } from '../program/progress-bar.ts'
import { runToEnd } from '../program/run-graph.ts'
import { bucketOptions, describedStoreUrls, storeUrls } from '../program/stores-from-flags.ts'
import { Engine } from '../search/engine.ts'
import { createCacheFolder, SegmentCache } from '../search/segment-cache.ts'
import { openStore, type ObjectStore } from '../stores/index.ts'
import { archivedNight, frameHasher, type HashedAlert } from '../verify/archived-hashes.ts'
import { verifyErrors } from '../verify/errors.ts'
import { compareIndex, nothingCompared, type Compared } from '../verify/night-index.ts'
import { NightReport } from '../verify/night-report.ts'
import { NightTables } from '../verify/night-tables.ts'
import compact from './compact.ts'

const { flags: compactFlags } = compact

/** Flags that only have an effect with --night. */
const onlyFlags = flags({
  'index-store': {
    ...compactFlags['index-store'],
    description: 'Store of the index: file:///dir, s3://bucket[/prefix] or gs://bucket[/prefix]. Required with --night.'
  },
  'headers-only': {
    type: 'switch',
    description: 'Compare the SHA-256 in the gzip header (provenance) of each object, without reading its frame. Objects without ' +
      'provenance are read completely. Default: all objects are read completely.'
  },
  'allow-copies': {
    type: 'switch',
    description: 'Accept alerts that are stored under several keys, as `copy --layout` leaves them. Their frames must still be equal.'
  },
  'work-dir': {
    ...compactFlags['work-dir'],
    description: 'Folder for copies of segments, tables and temporary files, in which each process has a folder of its own. ' +
      'Default: $XDG_CACHE_HOME/alert-stream/verify, or ~/.cache/alert-stream/verify if XDG_CACHE_HOME is not set.'
  },
  'work-mib': compactFlags['work-mib'],
  'memory-mib': compactFlags['memory-mib']
})

export const nightFlags = flags({
  night: {
    type: 'text', placeholder: 'YYYYMMDD', check: checkNight,
    description: 'Night (day_obs) whose archive, index and manifest are compared, without Kafka. Needs the npm package @duckdb/node-api.'
  },
  ...onlyFlags
})

export const nightOnly = Object.keys(onlyFlags)

type Config = ConfigOf<typeof nightFlags> & StoreFlagsConfig & S3FlagsConfig & {
  readonly batchSize: number
  readonly maxRecordMib: number
  readonly maxInFlightMib: number
  readonly drainSeconds: number
}

/** Alerts in one statement that adds rows to a table. Twice as many are read, and finished after a stop. */
const alertsAtOnce = 1000
const threads = 2
const MIB = 1024 * 1024

interface Opened {
  readonly alerts: ObjectStore
  readonly tables: NightTables
}

/** Returns the graph that reads the archive. Opens nothing, because only running nodes call `opened`. */
export function declareNight (config: Config, night: string, opened: () => Opened, report: NightReport) {
  const { batchSize: concurrency, headersOnly, maxRecordMib, maxInFlightMib, allowCopies } = config
  const { alerts: target } = describedStoreUrls(config)
  const store = (): ObjectStore => opened().alerts
  const source = archivedNight({ store, target, night, packedIds: packedIdFormat(config.packedIdBits, config.packedIdTags) })
  const hash = frameHasher({ store, headersOnly, maxFrameBytes: maxRecordMib * MIB, maxBytes: maxInFlightMib * MIB })
  const table: Sink<readonly HashedAlert[]> = {
    kind: 'table',
    detail: `frames, for the comparison with ${config.indexStore ?? '--index-store'}`,
    async write (alerts) {
      await opened().tables.addArchived(alerts)
      for (const alert of alerts) await reportObjects(alert, report, allowCopies)
    }
  }
  const graph = createGraph('verify', { retry: patientRetry })
  graph.source('archive', source, { records: 2 * alertsAtOnce })
    .step('hash', hash, { concurrency, kind: 'object store', detail: target })
    .batch('batch', { count: alertsAtOnce, ms: 1000 })
    .to('frames', table)
  return { graph: graph.build(), source }
}

async function reportObjects ({ id: alertId, objects }: HashedAlert, report: NightReport, allowCopies: boolean): Promise<void> {
  report.archived++
  for (const { key, damage } of objects) {
    if (damage !== undefined) await report.add({ problem: 'damaged', object: 'alert', alertId, key, reason: damage })
  }
  if (objects.length < 2 || allowCopies) return
  const [{ key }, ...others] = objects as [HashedAlert['objects'][number], ...HashedAlert['objects']]
  const reason = `the archive also has the alert under ${others.map(other => other.key).join(', ')}`
  await report.add({ problem: 'duplicate', object: 'alert', alertId, key, reason })
}

interface Stores { readonly alerts: ObjectStore, readonly index: ObjectStore }

/** Errors: VERIFY_NIGHT_FAILED, USAGE_MISSING, STORE_NOT_GIVEN, STORE_*, SEARCH_*. */
export async function verifyNight (config: Config, night: string, host: Host): Promise<void> {
  const { indexStore: indexUrl } = config
  if (indexUrl === undefined) throw usageErrors.USAGE_MISSING('--night needs --index-store', { where: 'verify' })
  const { alerts: alertUrl } = storeUrls(config)
  const options = { ...bucketOptions(config, host.environment), access: 'read' as const, log: host.log }
  const alerts = await openStore(alertUrl, options)
  const index = indexUrl === alertUrl ? alerts : await openStore(indexUrl, options)
  let folder: string | undefined
  let engine: Engine | undefined
  try {
    // A mistyped URL must fail, not verify nothing.
    await Promise.all([alerts.check(), index.check()])
    folder = await createCacheFolder(config.workDir ?? join(host.cacheDir, 'verify'), 'verify')
    engine = await Engine.open({ folder, memoryMib: config.memoryMib, threads, temporaryMib: config.workMib })
    const report = new NightReport(async text => { await host.print(text) })
    await check(config, night, { alerts, index }, engine, folder, report, host)
    if (report.problems === 0) return
    throw verifyErrors.VERIFY_NIGHT_FAILED(`problems found: ${report.found()}`, { where: `night ${night} of ${alertUrl} and ${indexUrl}` })
  } finally {
    engine?.close()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    await Promise.all([...new Set([alerts, index])].map(async store => { await store.close() }))
  }
}

/** Prints the report. If a signal stops the check, the report is not complete. */
async function check (
  config: Config, night: string, { alerts, index }: Stores, engine: Engine, folder: string, report: NightReport, host: Host
): Promise<void> {
  const tables = new NightTables(engine, host.stop)
  const { graph, source } = declareNight(config, night, () => ({ alerts, tables }), report)
  const copies = join(folder, 'segments')
  await mkdir(copies)
  await tables.create()
  const cache = new SegmentCache({ store: index, folder: copies, maxBytes: Infinity })
  const bar = progressBar(host, 'reading the archive', () => source.listed)
  let compared: Compared = nothingCompared
  try {
    await report.begin()
    await runToEnd(graph, host, { drainSeconds: config.drainSeconds, onRun: () => { bar.follow(() => report.archived) } })
    bar.end()
    // Without the alerts that were not read, rows would be taken for orphans.
    if (source.ended) {
      compared = await compareIndex(night, { store: index, engine, cache, tables }, report, host.stop).catch((error: unknown) => {
        if (host.stop.aborted) return nothingCompared
        throw error
      })
    }
  } finally {
    bar.end()
    const { complete, ...subject } = compared
    await report.end({ night, alertStore: alerts.url, indexStore: index.url, ...subject }, complete)
  }
  const summary = `${counted(compared.verified, 'alert')} verified, ${report.found()}`
  host.log[compared.complete ? 'info' : 'warn']({ complete: compared.complete },
    host.stop.aborted ? `stopped before the end: ${summary}` : summary)
}
