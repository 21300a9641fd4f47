// copy: copies an archive to another store or layout. Every object is verified before it is written, and nothing is overwritten. The only
// state is the destination itself, so a copy that was stopped or killed goes on where it was.
import { copyErrors } from '../copy/errors.ts'
import { alertKeys, schemaKeys, type ArchivedKey } from '../copy/archived-keys.ts'
import { keySource } from '../copy/key-source.ts'
import { MemoryLimit } from '../copy/memory-limit.ts'
import { isPresent } from '../copy/presence.ts'
import { readVerified, type VerifiedObject } from '../copy/read-object.ts'
import { CopyReport } from '../copy/report.ts'
import { defaultThreads, openCompressor, resolveCompressor } from '../compression/open-compressor.ts'
import { adminFlags, checkNight, compressionFlags, s3Flags, s3WriteFlags, storeFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { idRanges, packedIdFormat } from '../ids/packed-id.ts'
import {
  createGraph, errorCode, formatError, patientRetry, silent, type DeadLetterSink, type Logger, type Sink
} from '../pipeline/index.ts'
import { counted } from '../print/counted.ts'
import { mode, type Host } from '../program/mode.ts'
import { progressBar } from '../program/progress-bar.ts'
import { runToEnd } from '../program/run-graph.ts'
import { bucketOptions } from '../program/stores-from-flags.ts'
import { openStore, type ObjectStore } from '../stores/index.ts'
import { retryableStoreError } from '../stores/errors.ts'
import { alertKey, schemaKey } from '../stores/layouts.ts'
import ingest from './ingest.ts'

const ingestFlags = ingest.flags

const copyFlags = flags({
  from: {
    type: 'text', placeholder: 'URL', example: 'gs://alerts',
    description: 'Source of alerts: a store URL as for --alert-store. Objects of all layouts are read. Required.'
  },
  'from-schema-store': { type: 'text', placeholder: 'URL', description: 'Source of schemas. Default: --from.' },
  to: { type: 'text', placeholder: 'URL', description: 'Destination of alerts, which may be the source, for another layout. Required.' },
  'to-schema-store': { type: 'text', placeholder: 'URL', description: 'Destination of schemas. Default: --to.' },
  layout: { ...storeFlags.layout, description: 'Layout of the copies.' },
  night: {
    type: 'text', placeholder: 'YYYYMMDD', check: checkNight,
    description: 'Night (day_obs) whose alerts are copied, found by ranges of keys. Default: all alerts. All schemas are copied.'
  },
  compare: {
    type: 'switch',
    description: 'Complete comparison of objects that the destination already has. Without this flag, an object counts as copied if ' +
      'size, first 4 KiB and the SHA-256 in the metadata are equal.'
  },
  'batch-size': {
    ...ingestFlags['batch-size'], default: 32,
    description: 'Maximum number of objects read or written concurrently.'
  },
  'max-in-flight-mib': {
    ...ingestFlags['max-in-flight-mib'], default: 64,
    description: 'Memory for objects, in MiB. An object counts three times its size: as stored, and decompressed. Larger objects are ' +
      'copied one at a time.'
  },
  compressor: {
    ...compressionFlags.compressor,
    description: 'Library that compresses alerts that the source stores uncompressed, as for ingest.'
  },
  'gzip-level': compressionFlags['gzip-level'],
  'max-record-mib': {
    ...ingestFlags['max-record-mib'],
    description: 'Maximum size of a decompressed alert, in MiB. Larger alerts are reported and not copied.'
  },
  'packed-id-tags': storeFlags['packed-id-tags'],
  'packed-id-bits': storeFlags['packed-id-bits'],
  ...s3Flags,
  ...s3WriteFlags,
  'gcp-project': storeFlags['gcp-project'],
  'store-timeout': storeFlags['store-timeout'],
  upload: ingestFlags.upload,
  'drain-seconds': adminFlags['drain-seconds']
})
type Config = ConfigOf<typeof copyFlags>

interface StorePair { readonly alerts: ObjectStore, readonly schemas: ObjectStore }
interface Opened { readonly from: StorePair, readonly to: StorePair }
interface Urls { readonly alerts: string, readonly schemas: string }

function urlsOf (config: Config): { readonly from: Urls, readonly to: Urls } {
  const { from = '--from', to = '--to', fromSchemaStore: fromSchemas = from, toSchemaStore: toSchemas = to } = config
  return { from: { alerts: from, schemas: fromSchemas }, to: { alerts: to, schemas: toSchemas } }
}

const described = ({ alerts, schemas }: Urls): string => schemas === alerts ? alerts : `${alerts}, schemas in ${schemas}`

/** Returns the graph of a copy. Opens nothing, because only running nodes call `opened`. Errors: ID_FORMAT_INVALID, ID_OUT_OF_RANGE. */
export function declare (config: Config, opened: () => Opened, report: CopyReport, log: Logger = silent) {
  const { layout, night, batchSize: concurrency, compare } = config
  const format = packedIdFormat(config.packedIdBits, config.packedIdTags)
  // A night that does not fit into an id is a usage error, before any store is opened.
  if (night !== undefined) idRanges({ night }, format)
  const { from, to } = urlsOf(config)
  const selection = { format, night, except: from.alerts === to.alerts && from.schemas === to.schemas ? layout : undefined }
  const memory = new MemoryLimit(config.maxInFlightMib * 1024 * 1024)
  const compressor = openCompressor(config, defaultThreads, log)
  const options = { memory, maxFrameBytes: config.maxRecordMib * 1024 * 1024, compressor }
  const destinationOf = ({ kind, id }: ArchivedKey): string =>
    kind === 'alert' ? alertKey(layout, id, format) : schemaKey(layout, Number(id))
  const storesOf = ({ kind }: ArchivedKey): readonly [ObjectStore, ObjectStore] => {
    const name = kind === 'alert' ? 'alerts' : 'schemas'
    return [opened().from[name], opened().to[name]]
  }

  const source = keySource({
    detail: `${described(from)}, ${night === undefined ? 'all alerts' : `night ${night}`}`,
    stores: () => opened().from,
    selection,
    ignored: key => {
      report.ignored++
      log.warn({ key }, 'the key belongs to no alert and no schema')
    },
    settled: key => { memory.release(key) }
  })
  const isMissing = async (key: ArchivedKey): Promise<boolean> => {
    const [store, destination] = storesOf(key)
    if (compare || !await isPresent(store, key, destination, destinationOf(key))) return true
    report.present++
    return false
  }
  const destination: Sink<VerifiedObject> = {
    kind: 'object store',
    detail: `${described(to)}, layout ${layout}`,
    async write ({ source: key, body, meta }) {
      const outcome = await storeCall(() => storesOf(key)[1].put(destinationOf(key), body, meta))
      if (outcome === 'identical') {
        report.present++
      } else {
        report.copied[key.kind]++
        report.copiedBytes += body.length
      }
      return outcome
    }
  }
  const problems: DeadLetterSink = {
    kind: 'stdout',
    detail: 'JSON',
    async write ({ record, error }) {
      await report.problem(record.value as ArchivedKey, error)
    }
  }
  const graph = createGraph('copy', { deadLetters: problems, deadLettersName: 'problems', retry: patientRetry })
  graph.source('keys', source, { records: 2 * concurrency })
    .filter('missing', key => storeCall(() => isMissing(key)), { concurrency, kind: 'object store', detail: described(to) })
    .step('read', key => storeCall(() => readVerified(storesOf(key)[0], key, options)), {
      concurrency, kind: 'object store', detail: described(from)
    })
    .to('destination', destination, { concurrency })
  return { graph: graph.build(), source, selection }
}

/** Makes errors of the whole store retryable, so that they are not reported as problems of an object. */
async function storeCall<T> (call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw retryableStoreError(error)
  }
}

async function openPair ({ alerts, schemas }: Urls, access: 'read' | 'write', config: Config, host: Host): Promise<StorePair> {
  const options = { ...bucketOptions(config, host.environment), access, log: host.log }
  const store = await openStore(alerts, options)
  return { alerts: store, schemas: schemas === alerts ? store : await openStore(schemas, options) }
}

async function openAll (config: Config, host: Host): Promise<Opened> {
  const urls = urlsOf(config)
  const from = await openPair(urls.from, 'read', config, host)
  // A copy from a mistyped URL must fail, and must not create the destination.
  await Promise.all([from.alerts.check(), from.schemas.check()])
  const to = await openPair(urls.to, 'write', config, host)
  await Promise.all([to.alerts.check(), to.schemas.check()])
  return { from, to }
}

/** Counts the selected objects while they are copied, for the progress bar. */
async function countInto (selected: { keys: number }, { from }: Opened, selection: Parameters<typeof alertKeys>[1], stop: AbortSignal) {
  for (const keys of [schemaKeys(from.schemas, selection), alertKeys(from.alerts, selection)]) {
    for await (const _ of keys) {
      if (stop.aborted) return
      selected.keys++
    }
  }
}

export default mode({
  mode: 'copy',
  about: 'Copies schemas and alerts between stores and layouts, for example from layout v2 to v3, or from a folder to a bucket. Each ' +
    'frame is inflated and compared with the SHA-256 in the metadata and the provenance of its object. Objects are copied unchanged; ' +
    'an uncompressed alert (.avro) is compressed. Nothing is overwritten. After a stop, the same command copies the rest. The report is ' +
    'a JSON document on stdout. The exit code is 1 if an object of the source is damaged, or if the destination has another object ' +
    'under the same id.',
  examples: [
    'alert-stream copy --from gs://alerts --to file:///var/alerts --layout v3',
    'alert-stream copy --from file:///var/alerts --to file:///var/alerts --layout v3 --night 20260224'
  ],
  flags: copyFlags,
  describe: config => {
    const nothing = (): never => { throw new Error('describing the graph opens nothing') }
    return declare(config, nothing, new CopyReport(async () => {})).graph.describe()
  },
  resolve: resolveCompressor,
  async run (config, _positionals, host) {
    for (const name of ['from', 'to'] as const) {
      if (config[name] === undefined) throw usageErrors.USAGE_MISSING(`copy needs --${name}`, { where: 'copy' })
    }
    const report = new CopyReport(async text => { await host.print(text) })
    const { graph, source, selection } = declare(config, () => opened, report, host.log)
    const opened = await openAll(config, host)
    const stopCount = new AbortController()
    const selected = { keys: 0 }
    const bar = progressBar(host, 'copying', () => selected.keys, 'objects')
    let complete = false
    try {
      await report.begin()
      const counting = countInto(selected, opened, selection, stopCount.signal).catch((error: unknown) => {
        host.log.debug({ code: errorCode(error), error: formatError(error) }, 'cannot count the objects')
      })
      await runToEnd(graph, host, { drainSeconds: config.drainSeconds, onRun: () => bar.follow(() => report.done) })
      complete = source.ended
      stopCount.abort()
      await counting
    } finally {
      stopCount.abort()
      bar.end()
      await report.end({ ...urlsOf(config), layout: config.layout, night: config.night }, complete)
      const stores = new Set([opened.from, opened.to].flatMap(({ alerts, schemas }) => [alerts, schemas]))
      await Promise.all([...stores].map(async store => { await store.close() }))
    }
    const stopped = 'stopped before the end: run the same command again to copy the rest'
    host.log[complete ? 'info' : 'warn']({ complete }, complete ? report.summary() : `${stopped} (${report.summary()})`)
    if (report.problems === 0) return
    const { different, damaged, missing } = report
    const be = (count: number): string => count === 1 ? 'is' : 'are'
    const what = `${counted(different, 'object')} ${be(different)} different, ${damaged} ${be(damaged)} damaged and ` +
      `${missing} ${be(missing)} gone`
    throw copyErrors.COPY_FAILED(what, { where: described(urlsOf(config).from) })
  }
})
