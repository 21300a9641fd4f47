// A million records of 1 KiB through source -> step -> batch sink, where the sink is slower than the source: memory must stay flat. Beside it
// the naive RxJS way, `from(asyncIterable).pipe(..., mergeMap(write, 1))`, on fewer records and stopped before it hurts: nothing there holds
// the source back, so what was pulled and not written piles up.
import { setTimeout as sleep } from 'node:timers/promises'
import { bufferCount, from, lastValueFrom, map, mergeMap, takeWhile } from 'rxjs'
import { createGraph, type SourceRecord } from '../src/pipeline/index.ts'
import { bench, say } from './harness.ts'

const BYTES = 1024
const BATCH = 500
const CREDITS = 2000
const STOP_AT_GROWTH = 400 * 2 ** 20

interface Tally { pulled: number, written: number, aheadAtMost: number }

async function * numbers (count: number, tally: Tally): AsyncIterable<SourceRecord<Buffer>> {
  for (let n = 0; n < count; n++) {
    tally.pulled++
    tally.aheadAtMost = Math.max(tally.aheadAtMost, tally.pulled - tally.written)
    yield { value: Buffer.allocUnsafeSlow(BYTES).fill(n & 0xff), bytes: BYTES, position: String(n) }
    // Real sources wait for a disk or a socket now and then.
    if (n % 64 === 63) await new Promise(resolve => setImmediate(resolve))
  }
}

async function write (batch: readonly Buffer[], tally: Tally): Promise<void> {
  await sleep(4)
  tally.written += batch.length
}

const touch = (value: Buffer): Buffer => {
  value[0] = 1
  return value
}

/** Prints what is kept at each tenth of the way, garbage aside, and remembers the resident sizes. */
function sampler (total: number, tally: Tally, reached: () => number) {
  const rss: number[] = []
  say('     at     pulled    written   unsettled   resident MiB   kept MiB')
  const sample = (): void => {
    const percent = (rss.length + 1) * 10
    if (percent > 100 || reached() < total * percent / 100) return
    const { rss: resident } = process.memoryUsage()
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    rss.push(resident)
    say([
      `${percent} %`.padStart(7), String(tally.pulled).padStart(10), String(tally.written).padStart(10), String(tally.pulled - tally.written).padStart(11),
      (resident / 2 ** 20).toFixed(0).padStart(14), ((heapUsed + external) / 2 ** 20).toFixed(0).padStart(10)
    ].join(' '))
  }
  return { sample, figures: () => ({ pulled: tally.pulled, 'unsettled at most': tally.aheadAtMost, 'resident at 100 % to that at 50 %': (rss[9] ?? NaN) / (rss[4] ?? NaN) }) }
}

await bench('pipeline-memory', { alerts: { full: 1_000_000, quick: 100_000 }, naive: { full: 300_000, quick: 100_000 } }, {
  'graph, slow batch sink': async ({ sizes, measure }) => {
    const tally: Tally = { pulled: 0, written: 0, aheadAtMost: 0 }
    const { sample, figures } = sampler(sizes.alerts, tally, () => tally.written)
    return measure(async () => {
      const builder = createGraph('memory')
      builder.source('numbers', { kind: 'numbers', records: () => numbers(sizes.alerts, tally) }, { records: CREDITS })
        .step('touch', touch)
        .toBatches('slow', { kind: 'slow sink', async writeBatch (batch) { await write(batch, tally); sample() } }, { count: BATCH })
      await builder.build().run().done
      if (tally.written !== sizes.alerts) throw new Error(`${tally.written} of ${sizes.alerts} records were written`)
      if (tally.aheadAtMost > CREDITS) throw new Error(`${tally.aheadAtMost} records were unsettled with ${CREDITS} credits`)
      return { alerts: tally.written, bytes: tally.written * BYTES, figures: figures() }
    })
  },
  'naive RxJS, same sink': async ({ sizes, measure }) => {
    const tally: Tally = { pulled: 0, written: 0, aheadAtMost: 0 }
    const { sample, figures } = sampler(sizes.naive, tally, () => tally.pulled)
    const before = process.memoryUsage().rss
    const bearable = (): boolean => process.memoryUsage().rss - before < STOP_AT_GROWTH
    return measure(async () => {
      let stopped = false
      await lastValueFrom(from(numbers(sizes.naive, tally)).pipe(
        map(({ value }) => {
          if (tally.pulled % 1000 === 0) {
            sample()
            stopped ||= !bearable()
          }
          return touch(value)
        }),
        takeWhile(() => !stopped),
        bufferCount(BATCH),
        // Once all is pulled, the point is made: the rest need not be waited for.
        mergeMap(batch => stopped || tally.pulled === sizes.naive ? [] : write(batch, tally), 1)
      ), { defaultValue: undefined })
      return { alerts: tally.written, bytes: tally.written * BYTES, figures: { ...figures(), ...(stopped ? { stopped: `at ${tally.pulled} pulled` } : {}) } }
    })
  }
}, { nodeFlags: ['--expose-gc'] })
