// Measures the ingester with a real broker, the simulator and a file store, all on this machine. Throughput, CPU time and memory are those
// of the ingester process. The required mean rate is 10,000 alerts per 37 s = 270 alerts/s. Reference: one object at a time with gzip
// level 9, as in the survey's own ingester.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bench, type Bench } from './harness.ts'
import { ingestInto, MEAN_RATE, withLoadedStack } from './support.ts'

const SIZES = { alerts: { full: 10_000, quick: 300 } } as const
const MEMORY_LIMIT_MIB = 400

const row = (...flags: readonly string[]) => async ({ sizes, log, measure }: Bench<typeof SIZES>) =>
  withLoadedStack(sizes.alerts, log, async stack => {
    const result = await ingestInto(pathToFileURL(join(stack.folder, 'archive')).href, stack, sizes.alerts, measure, flags)
    const rate = result.alerts / result.seconds
    const belowLimit = MEMORY_LIMIT_MIB - result.peakBytes / 2 ** 20
    return { ...result, extra: { 'times the mean of 270/s': rate / MEAN_RATE, 'MiB under 400': Math.round(belowLimit) } }
  })

await bench('ingest', SIZES, {
  'libdeflate 4 (default)': row('--compressor', 'libdeflate'),
  'isal 2': row('--compressor', 'isal'),
  'zlib 3': row('--compressor', 'zlib'),
  'zlib 6': row('--compressor', 'zlib', '--gzip-level', '6'),
  'reference: one object at a time, gzip 9': row('--batch-size', '1', '--gzip-threads', '1', '--compressor', 'zlib', '--gzip-level', '9')
}, { quick: ['libdeflate 4 (default)'] })
