// The ingester beside a real broker, the simulator and a file store, all on this machine: from the first alert published to the last archived.
// The design's mean is 10,000 alerts every 37 s = 270 alerts/s. The figures are those of the ingester's process alone. Beside it: one
// object at a time and gzip level 9, which is how the original worked.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bench, type Bench } from './harness.ts'
import { ingestInto, withLoadedStack } from './support.ts'

const sizes_ = { alerts: { full: 10_000, quick: 300 } } as const
const MEAN_RATE = 10_000 / 37
const MOST_MIB = 400

const row = (...flags: readonly string[]) => async ({ sizes, say, measure }: Bench<typeof sizes_>) => withLoadedStack(sizes.alerts, say, async stack => {
  const result = await ingestInto(pathToFileURL(join(stack.folder, 'archive')).href, stack, sizes.alerts, measure, flags)
  const rate = result.alerts / result.seconds
  const underMiB = MOST_MIB - result.peakBytes / 2 ** 20
  return { ...result, figures: { 'times the mean of 270/s': rate / MEAN_RATE, 'MiB under 400': Math.round(underMiB) } }
})

await bench('ingest', sizes_, {
  'gzip 6, 20 writes at once (default)': row(),
  'gzip 1': row('--gzip-level', '1'),
  'as the original: one at a time, gzip 9': row('--batch-size', '1', '--gzip-threads', '1', '--gzip-level', '9')
})
