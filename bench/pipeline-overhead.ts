// Measures the overhead of the pipeline library, in CPU-ns per record and node. References: a plain `for await` loop and plain RxJS,
// which have no credits, settlement, retries, metering or dead letters. The nodes do almost no work, so nearly all CPU time is overhead.
import { concatMap, from, lastValueFrom, map } from 'rxjs'
import { createGraph, type Port, type SourceRecord } from '../src/pipeline/index.ts'
import { bench, usage, type Bench, type Work } from './harness.ts'

const STEPS = 5
/** Number of nodes: source, steps and sink. */
const NODES = STEPS + 2
const BYTES = 8

type Step = (n: number) => number | Promise<number>

async function * numbers (count: number): AsyncIterable<SourceRecord<number>> {
  for (let value = 0; value < count; value++) yield { value, bytes: BYTES, position: '' }
}

const plusOne = (n: number): number => n + 1
const plusOneAsync = async (n: number): Promise<number> => n + 1

async function loop (count: number, step: Step): Promise<number> {
  let sum = 0
  const write = async (n: number): Promise<void> => { sum += n }
  for await (const record of numbers(count)) {
    let { value } = record
    for (let node = 0; node < STEPS; node++) {
      const next = step(value)
      value = typeof next === 'number' ? next : await next
    }
    await write(value)
  }
  return sum
}

async function rx (count: number): Promise<number> {
  let sum = 0
  const write = async (n: number): Promise<void> => { sum += n }
  const steps = from(numbers(count)).pipe(
    map(record => record.value), map(plusOne), map(plusOne), map(plusOne), map(plusOne), map(plusOne), concatMap(write))
  await lastValueFrom(steps, { defaultValue: undefined })
  return sum
}

async function graph (count: number, step: Step, batch?: number): Promise<number> {
  let sum = 0
  const builder = createGraph('overhead')
  let port: Port<number> = builder.source('numbers', { kind: 'numbers', records: () => numbers(count) })
  for (let node = 0; node < STEPS; node++) port = port.step(`plus-${node}`, step)
  if (batch === undefined) port.to('sum', { kind: 'sum', async write (n) { sum += n } })
  else port.toBatches('sum', { kind: 'sum', async writeBatch (values) { for (const n of values) sum += n } }, { count: batch })
  await builder.build().run().done
  return sum
}

const SIZES = { alerts: { full: 500_000, quick: 50_000 } } as const

const row = (run: (count: number) => Promise<number>) => async ({ sizes, warmUp, measure }: Bench<typeof SIZES>) => {
  const count = sizes.alerts
  await warmUp(() => run(Math.min(count, 20_000)))
  const before = usage().cpuMs
  return measure(async (): Promise<Work> => {
    const sum = await run(count)
    if (sum !== count * (count - 1) / 2 + count * STEPS) throw new Error(`the sum of ${count} records is wrong`)
    return { alerts: count, bytes: count * BYTES, extra: { 'CPU-ns/record/node': (usage().cpuMs - before) * 1e6 / count / NODES } }
  })
}

await bench('pipeline-overhead', SIZES, {
  'for await loop': row(count => loop(count, plusOne)),
  'RxJS, no backpressure': row(rx),
  'graph': row(count => graph(count, plusOne)),
  'graph, batch sink of 500': row(count => graph(count, plusOne, 500)),
  'for await loop, async steps': row(count => loop(count, plusOneAsync)),
  'graph, async steps': row(count => graph(count, plusOneAsync))
}, { quick: ['for await loop', 'RxJS, no backpressure', 'graph'] })
