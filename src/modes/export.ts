// export: writes the alerts of a night as Avro container files or Parquet tables. The only state is the destination itself: a second run
// adds nothing, and a run after a stop or a kill adds what is missing.
import { codecNames } from '../avro/codecs.ts'
import { adminFlags, batchFlags, checkNight, s3Flags, s3WriteFlags, storeFlags, uploadFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { exportErrors } from '../export/errors.ts'
import { exportSink } from '../export/export-sink.ts'
import { groupSource } from '../export/group-source.ts'
import { ocfWriter } from '../export/ocf-files.ts'
import { parquetWriter } from '../export/parquet-files.ts'
import { alertsReader } from '../export/read-alerts.ts'
import { idRanges, packedIdFormat } from '../ids/packed-id.ts'
import { createGraph, noRetry, patientRetry, silent, type Logger } from '../pipeline/index.ts'
import { counted } from '../print/counted.ts'
import { mode, type Host } from '../program/mode.ts'
import { progressBar } from '../program/progress-bar.ts'
import { runToEnd } from '../program/run-graph.ts'
import { archiveToRead, bucketOptions, describedStoreUrls } from '../program/stores-from-flags.ts'
import type { Archive } from '../stores/archive.ts'
import { StoreStats } from '../stores/metered-store.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { openStore } from '../stores/open-store.ts'

// Alerts are found in every layout.
const { layout: _layout, ...archiveFlags } = storeFlags

const exportFlags = flags({
  night: { type: 'text', placeholder: 'YYYYMMDD', check: checkNight, description: 'Night (day_obs) of the alerts. Required.' },
  format: {
    type: 'choice', choices: ['ocf', 'parquet'],
    description: 'ocf: Avro object container files with complete alerts. parquet: one table for each record of an alert (dia_source, ' +
      'prv_dia_source, prv_dia_forced_source, dia_object, ss_source ...), without images. Required.'
  },
  to: {
    type: 'text', placeholder: 'URL', example: 'file:///data/export',
    description: 'Destination: file:///dir, s3://bucket[/prefix] or gs://bucket[/prefix]. Keys begin with ocf/NIGHT/ or parquet/NIGHT/. ' +
      'Required.'
  },
  codec: {
    type: 'choice', choices: codecNames, default: 'deflate', description: 'Compression of container files. Parquet files use zstd.'
  },
  'file-mib': {
    type: 'integer', min: 1, max: 1024, default: 64,
    description: 'Size of the files in memory, in MiB, at which the largest is written. A file is at most this large, plus one alert.'
  },
  'visit-alerts': {
    type: 'integer', min: 1, max: 10_000_000, default: 10_000,
    description: 'Maximum number of alerts of a visit in one group of files. A larger visit has several groups. A group is exported as a ' +
      'whole: if one of its objects is damaged, it stays incomplete.'
  },
  ...archiveFlags,
  ...s3WriteFlags,
  ...s3Flags,
  ...uploadFlags,
  'max-record-mib': { ...batchFlags['max-record-mib'], description: 'Maximum size of an alert, in MiB. Larger alerts count as damaged.' },
  'drain-seconds': adminFlags['drain-seconds']
})
type Config = ConfigOf<typeof exportFlags>

const MIB = 1024 * 1024
const batchSize = 32

interface Opened {
  readonly archive: Archive
  readonly destination: ObjectStore
}

/** Errors: USAGE_MISSING, ID_OUT_OF_RANGE, ID_FORMAT_INVALID. */
function checkUsage (config: Config): void {
  for (const name of ['night', 'format', 'to'] as const) {
    if (config[name] === undefined) throw usageErrors.USAGE_MISSING(`export needs --${name}`, { where: 'export' })
  }
  idRanges({ night: config.night! }, packedIdFormat(config.packedIdBits, config.packedIdTags))
}

/** Returns the graph. Opens nothing, because only running nodes call `opened`. */
export function declare (config: Config, opened: () => Opened, log: Logger = silent) {
  const { night = '--night', format = 'ocf', to = '--to', codec, fileMib, visitAlerts: size } = config
  const { alerts } = describedStoreUrls(config)
  const packedIds = packedIdFormat(config.packedIdBits, config.packedIdTags)
  const source = groupSource({
    detail: `${alerts}, night ${night}`, alerts: () => opened().archive.alerts, destination: () => opened().destination, night, format,
    packedIds, size
  })
  const read = alertsReader(() => opened().archive, log)
  const sink = exportSink({
    store: () => opened().destination, detail: `${to}, ${format}`, format, night, maxBytes: fileMib * MIB,
    writer: format === 'ocf' ? ocfWriter(codec) : parquetWriter()
  })
  const graph = createGraph('export', { retry: patientRetry })
  // The size of an alert is not known before it is read, so the number of alerts bounds the memory.
  graph.source('archive', source, { records: 3 * batchSize })
    .batch('batch', { count: batchSize, ms: 50 })
    .step('read', async (batch, { signal }) => await read(batch, signal), { kind: 'object store', detail: alerts })
    .to('files', sink, { retry: noRetry })
  return { graph: graph.build(), source, sink }
}

async function openAll (config: Config, host: Host): Promise<Opened> {
  // A mistyped URL fails here, before the destination is created.
  const archive = await archiveToRead(config, host, new StoreStats())
  const options = { ...bucketOptions(config, host.environment), access: 'write' as const, log: host.log }
  const destination = await openStore(config.to!, options)
  await destination.check()
  return { archive, destination }
}

export default mode({
  mode: 'export',
  about: 'Each group of files has the alerts of one visit, in the order of their ids. Files are written under names that follow from the ' +
    'alerts, and never overwritten. Running the same command again writes only missing files. If an object of the archive is damaged, ' +
    'its group stays incomplete, and the exit code is 1. Needs the archived schemas.',
  examples: [
    'alert-stream export --night 20260224 --format ocf --to file:///data/export --alert-store gs://alerts',
    'alert-stream export --night 20260224 --format parquet --to s3://tables --alert-store s3://alerts'
  ],
  flags: exportFlags,
  describe: config => {
    const nothing = (): never => { throw new Error('describing the graph opens nothing') }
    return declare(config, nothing).graph.describe()
  },
  async run (config, _positionals, host) {
    checkUsage(config)
    const { graph, source, sink } = declare(config, () => opened, host.log)
    const opened = await openAll(config, host)
    const bar = progressBar(host, 'exporting', () => source.found)
    try {
      const exported = (): number => source.present + sink.counts.alerts
      await runToEnd(graph, host, { drainSeconds: config.drainSeconds, onRun: () => { bar.follow(exported) } })
    } finally {
      bar.end()
      await opened.archive.close()
      await opened.destination.close()
    }
    const { alerts, files, bytes, damaged } = sink.counts
    if (!source.ended) host.log.warn({ alerts }, 'stopped before the end: run the same command again to export the rest')
    await host.print(`export: ${counted(alerts, 'alert')}, ${counted(files, 'file')}, ${bytes} bytes, ${source.present} exported before, ` +
      `${damaged} damaged\n`)
    if (damaged > 0) {
      throw exportErrors.EXPORT_INCOMPLETE(`${counted(damaged, 'alert')} could not be read, so their groups are incomplete`, {
        where: opened.archive.alerts.url
      })
    }
  }
})
