// Measures how soon a killed ingester archives again, with a real broker and the session timeout of the chart (10 s): seconds from SIGKILL
// and from the restart to the first new object. The ingester restarts at once. Reference: without an instance id, the restarted ingester
// gets its partitions when the session of the killed one has expired.
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { bench, type Bench } from './harness.ts'
import { startMode, withLoadedStack } from './support.ts'

const SIZES = { alerts: { full: 5000, quick: 1000 }, kills: { full: 6, quick: 1 } } as const

async function objects (folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  return names.filter(name => name.endsWith('.avro.gz')).length
}

async function objectsAbove (folder: string, count: number): Promise<void> {
  while (await objects(folder) <= count) await sleep(5)
}

const row = (...flags: readonly string[]) => async ({ sizes, log, measure }: Bench<typeof SIZES>) =>
  withLoadedStack(sizes.alerts, log, async ({ folder, broker, registry }) => {
    const archive = join(folder, 'archive')
    const group = randomUUID()
    const start = () => startMode(
      'ingest', '--broker', broker, '--schema-registry-url', registry, '--alert-store', pathToFileURL(archive).href,
      '--topic', 'alerts-static', '--group', group, '--session-timeout-seconds', '10', '--batch-size', '1', ...flags)
    const [fromKill, fromRestart]: [number[], number[]] = [[], []]
    let ingest = await start()
    const result = await measure(async () => {
      while (fromKill.length < sizes.kills) {
        await objectsAbove(archive, await objects(archive) + 20)
        const killed = performance.now()
        await ingest.stop('SIGKILL')
        const before = await objects(archive)
        if (before === sizes.alerts) throw new Error(`all ${before} alerts are archived: use more --alerts`)
        const restarted = performance.now()
        const [next] = await Promise.all([start(), objectsAbove(archive, before).then(() => {
          const now = performance.now()
          fromKill.push((now - killed) / 1000)
          fromRestart.push((now - restarted) / 1000)
        })])
        ingest = next
      }
      const list = (seconds: readonly number[]): string => seconds.map(each => each.toFixed(2)).join(' ')
      return { alerts: 0, bytes: 0, extra: { 's from SIGKILL': list(fromKill), 's from restart': list(fromRestart) } }
    })
    await ingest.stop()
    return result
  })

await bench('recovery', SIZES, {
  'instance id, as in the chart': row('--group-instance-id', 'pod', '--leave-group-on-stop'),
  'reference: no instance id': row()
}, { quick: ['instance id, as in the chart'] })
