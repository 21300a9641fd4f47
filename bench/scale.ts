// Measures 1, 2 and 4 ingesters of one group while a visit is published as fast as possible, with uploads to a null store. Throughput is
// that of all ingesters; CPU time per alert is their sum, and memory that of the largest. The last row is a soak test: its last column has
// the memory at 10, 50 and 100 % of the alerts, which must not grow. docs/scaling.md uses these figures.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { bench, residentMiB, usage, type Bench, type Result } from './harness.ts'
import { runProgram, startMode, withLoadedStack, withNullStore, type RunningMode } from './support.ts'

const SIZES = {
  /** Alerts in the static topic, which a visit repeats under new ids. */
  static: { full: 2000, quick: 100 },
  visit: { full: 10_000, quick: 400 },
  peak: { full: 40_000, quick: 800 },
  stress: { full: 100_000, quick: 1000 },
  soak: { full: 300_000, quick: 2000 }
} as const
type B = Bench<typeof SIZES>

/** Alerts and bytes that all ingesters have archived and read. */
async function archivedBy (ingesters: readonly RunningMode[]): Promise<{ readonly alerts: number, readonly bytes: number }> {
  const nodes = (await Promise.all(ingesters.map(each => each.status()))).flatMap(status => status.nodes)
  const sum = (name: string, value: 'out' | 'bytes'): number =>
    nodes.filter(({ node }) => node === name).reduce((total, each) => total + (each[value] ?? 0), 0)
  return { alerts: sum('archive', 'out'), bytes: sum('kafka', 'bytes') }
}

const row = (size: Exclude<keyof typeof SIZES, 'static'>, processes: number) => async ({ sizes, log }: B): Promise<Result> =>
  withNullStore(1, async emulator => withLoadedStack(sizes.static, log, async ({ broker, registry }) => {
    const alerts = sizes[size]
    const kafka = ['--broker', broker, '--schema-registry-url', registry]
    process.env['STORAGE_EMULATOR_HOST'] = emulator
    const ingesters: RunningMode[] = []
    try {
      const flags = [...kafka, '--group', randomUUID(), '--alert-store', 'gs://bucket', '--wait-for-topic']
      for (let index = 0; index < processes; index++) ingesters.push(await startMode('ingest', ...flags))
      const cpuBefore = ingesters.map(({ pid }) => usage(pid).cpuMs)
      const began = performance.now()
      const published = runProgram(
        'play-stream', ...kafka, '--profile', 'fast', '--repeat-interval', '-1', '--visit-size', String(alerts), '--fresh-ids',
        '--create-dst-topic', '--dst-topic-partitions', '8')
      const resident: number[] = []
      let done = { alerts: 0, bytes: 0 }
      while (done.alerts < alerts) {
        await sleep(100)
        done = await archivedBy(ingesters)
        for (const [index, share] of [0.1, 0.5, 1].entries()) {
          if (resident.length !== index || done.alerts < alerts * share) continue
          resident.push(Math.max(...ingesters.map(({ pid }) => residentMiB(pid))))
        }
      }
      const seconds = (performance.now() - began) / 1000
      const after = ingesters.map(({ pid }) => usage(pid))
      await published
      return {
        ...done,
        seconds,
        cpuMs: after.reduce((sum, { cpuMs }, index) => sum + cpuMs - cpuBefore[index]!, 0),
        peakBytes: Math.max(...after.map(({ peakBytes }) => peakBytes)),
        extra: { 'RSS at 10 %': resident[0]!, 'at 50 %': resident[1]!, 'at 100 %': resident[2]! }
      }
    } finally {
      for (const ingest of ingesters) await ingest.stop()
    }
  }))

await bench('scale', SIZES, {
  'visit of 10,000, 1 ingester': row('visit', 1),
  'visit of 10,000, 2 ingesters': row('visit', 2),
  'visit of 10,000, 4 ingesters': row('visit', 4),
  'visit of 40,000, 1 ingester': row('peak', 1),
  'visit of 40,000, 2 ingesters': row('peak', 2),
  'visit of 40,000, 4 ingesters': row('peak', 4),
  'stress: visit of 100,000, 2 ingesters': row('stress', 2),
  'soak: 300,000 alerts, 1 ingester': row('soak', 1)
}, { quick: ['visit of 10,000, 2 ingesters'] })
