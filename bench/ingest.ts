// Measures the ingester with a real broker, the simulator and a file store, all on this machine. Throughput, CPU time and memory are those
// of the ingester process. The required mean rate is 10,000 alerts per 37 s = 270 alerts/s. The backlog row starts the ingester when all
// alerts wait in Kafka, and writes to a null store (`--alerts 40000` takes some minutes to load). Reference: one object at a time with gzip
// level 9, as in the survey's own ingester.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bench, type Bench, type Result } from './harness.ts'
import { ingestBacklog, ingestInto, MEAN_RATE, withLoadedStack, withNullStore } from './support.ts'

const SIZES = { alerts: { full: 10_000, quick: 300 } } as const
const MEMORY_LIMIT_MIB = 240

const row = (...flags: readonly string[]) => async ({ sizes, log, measure }: Bench<typeof SIZES>) =>
  withLoadedStack(sizes.alerts, log, async stack => {
    const result = await ingestInto(pathToFileURL(join(stack.folder, 'archive')).href, stack, sizes.alerts, measure, flags)
    return withRatios(result)
  })

function withRatios (result: Result): Result {
  const rate = result.alerts / result.seconds
  const belowLimit = MEMORY_LIMIT_MIB - result.peakBytes / 2 ** 20
  return { ...result, extra: { 'times the mean of 270/s': rate / MEAN_RATE, [`MiB under ${MEMORY_LIMIT_MIB}`]: Math.round(belowLimit) } }
}

/** All alerts wait in Kafka when the ingester starts. */
const backlog = async ({ sizes, log, measure }: Bench<typeof SIZES>) =>
  withNullStore(1, async url => withLoadedStack(sizes.alerts, log, async stack => {
    process.env['STORAGE_EMULATOR_HOST'] = url
    return withRatios(await ingestBacklog('gs://bucket', stack, sizes.alerts, measure))
  }))

await bench('ingest', SIZES, {
  'libdeflate 4 (default)': row('--compressor', 'libdeflate'),
  'isal 2': row('--compressor', 'isal'),
  'zlib 3': row('--compressor', 'zlib'),
  'zlib 6': row('--compressor', 'zlib', '--gzip-level', '6'),
  'backlog, into a null store': backlog,
  'reference: one object at a time, gzip 9': row('--batch-size', '1', '--gzip-threads', '1', '--compressor', 'zlib', '--gzip-level', '9')
}, { quick: ['libdeflate 4 (default)'] })
