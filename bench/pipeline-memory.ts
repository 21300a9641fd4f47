// Measures the memory of a graph with backpressure: a million records of 1 KiB pass source -> step -> batch sink, and the sink is slower
// than the source. Memory must stay flat. Reference: naive RxJS, `from(asyncIterable).pipe(..., mergeMap(write, 1))`, with fewer records.
// RxJS has no backpressure, so unwritten records accumulate, and the row stops before memory runs out.
import { setTimeout as sleep } from 'node:timers/promises'
import { bufferCount, from, lastValueFrom, map, mergeMap, takeWhile } from 'rxjs'
import { createGraph, type SourceRecord } from '../src/pipeline/index.ts'
import { bench, log } from './harness.ts'

const BYTES = 1024
const BATCH = 500
const CREDITS = 2000
const STOP_AT_GROWTH = 400 * 2 ** 20

interface Progress { pulled: number, written: number, maxUnsettled: number }

async function * records (count: number, progress: Progress): AsyncIterable<SourceRecord<Buffer>> {
  for (let n = 0; n < count; n++) {
    progress.pulled++
    progress.maxUnsettled = Math.max(progress.maxUnsettled, progress.pulled - progress.written)
    yield { value: Buffer.allocUnsafeSlow(BYTES).fill(n & 0xff), bytes: BYTES, position: String(n) }
    // Occasionally yields to the event loop, as a real source does when it waits for a disk or a socket.
    if (n % 64 === 63) await new Promise(resolve => setImmediate(resolve))
  }
}

async function write (batch: readonly Buffer[], progress: Progress): Promise<void> {
  await sleep(4)
  progress.written += batch.length
}

const touch = (value: Buffer): Buffer => {
  value[0] = 1
  return value
}

/** Logs resident memory, and live memory after garbage collection, at each tenth of the work. Keeps the resident values for the result. */
function sampler (total: number, progress: Progress, done: () => number) {
  const rss: number[] = []
  log('     at     pulled    written   unsettled   resident MiB   live MiB')
  const sample = (): void => {
    const percent = (rss.length + 1) * 10
    if (percent > 100 || done() < total * percent / 100) return
    const { rss: resident } = process.memoryUsage()
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    const { pulled, written } = progress
    rss.push(resident)
    log([
      `${percent} %`.padStart(7), String(pulled).padStart(10), String(written).padStart(10), String(pulled - written).padStart(11),
      (resident / 2 ** 20).toFixed(0).padStart(14), ((heapUsed + external) / 2 ** 20).toFixed(0).padStart(10)
    ].join(' '))
  }
  const extra = () => ({
    pulled: progress.pulled,
    'max unsettled': progress.maxUnsettled,
    'resident at 100 % / at 50 %': (rss[9] ?? NaN) / (rss[4] ?? NaN)
  })
  return { sample, extra }
}

await bench('pipeline-memory', { alerts: { full: 1_000_000, quick: 100_000 }, naive: { full: 300_000, quick: 100_000 } }, {
  'graph, slow batch sink': async ({ sizes, measure }) => {
    const progress: Progress = { pulled: 0, written: 0, maxUnsettled: 0 }
    const { sample, extra } = sampler(sizes.alerts, progress, () => progress.written)
    return measure(async () => {
      const builder = createGraph('memory')
      builder.source('records', { kind: 'numbers', records: () => records(sizes.alerts, progress) }, { records: CREDITS })
        .step('touch', touch)
        .toBatches('slow', { kind: 'slow sink', async writeBatch (batch) { await write(batch, progress); sample() } }, { count: BATCH })
      await builder.build().run().done
      const { written, maxUnsettled } = progress
      if (written !== sizes.alerts) throw new Error(`${written} of ${sizes.alerts} records were written`)
      if (maxUnsettled > CREDITS) throw new Error(`${maxUnsettled} records were unsettled with ${CREDITS} credits`)
      return { alerts: written, bytes: written * BYTES, extra: extra() }
    })
  },
  'naive RxJS, same sink': async ({ sizes, measure }) => {
    const progress: Progress = { pulled: 0, written: 0, maxUnsettled: 0 }
    const { sample, extra } = sampler(sizes.naive, progress, () => progress.pulled)
    const before = process.memoryUsage().rss
    return measure(async () => {
      let stopped = false
      await lastValueFrom(from(records(sizes.naive, progress)).pipe(
        map(({ value }) => {
          if (progress.pulled % 1000 === 0) {
            sample()
            stopped ||= process.memoryUsage().rss - before >= STOP_AT_GROWTH
          }
          return touch(value)
        }),
        takeWhile(() => !stopped),
        bufferCount(BATCH),
        // Memory peaks when all records are pulled, so skip the remaining writes.
        mergeMap(batch => stopped || progress.pulled === sizes.naive ? [] : write(batch, progress), 1)
      ), { defaultValue: undefined })
      const { pulled, written } = progress
      return { alerts: written, bytes: written * BYTES, extra: { ...extra(), ...(stopped ? { stopped: `at ${pulled} pulled` } : {}) } }
    })
  }
}, { nodeFlags: ['--expose-gc'] })
