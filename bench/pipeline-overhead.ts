// What the library costs: CPU nanoseconds per record and node, against a plain `for await` loop and plain RxJS (which has neither credits nor
// settlement, retries, metering or dead letters). The work of each node is next to nothing, so what is left is overhead.
import { concatMap, from, lastValueFrom, map } from 'rxjs'
import { createGraph, type Port, type SourceRecord } from '../src/pipeline/index.ts'
import { bench, usage, type Work } from './harness.ts'

const STEPS = 5
/** Source, steps, sink. */
const NODES = STEPS + 2
const BYTES = 8

async function * numbers (count: number): AsyncIterable<SourceRecord<number>> {
  for (let value = 0; value < count; value++) yield { value, bytes: BYTES, position: '' }
}

const plus = (n: number): number => n + 1
const plusLater = async (n: number): Promise<number> => n + 1

async function loop (count: number, step: (n: number) => number | Promise<number>): Promise<number> {
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
  await lastValueFrom(from(numbers(count)).pipe(map(record => record.value), map(plus), map(plus), map(plus), map(plus), map(plus), concatMap(write)), { defaultValue: undefined })
  return sum
}

async function graph (count: number, step: (n: number) => number | Promise<number>, batch?: number): Promise<number> {
  let sum = 0
  const builder = createGraph('overhead')
  let port: Port<number> = builder.source('numbers', { kind: 'numbers', records: () => numbers(count) })
  for (let node = 0; node < STEPS; node++) port = port.step(`plus-${node}`, step)
  if (batch === undefined) port.to('sum', { kind: 'sum', async write (n) { sum += n } })
  else port.toBatches('sum', { kind: 'sum', async writeBatch (values) { for (const n of values) sum += n } }, { count: batch })
  await builder.build().run().done
  return sum
}

const row = (run: (count: number) => Promise<number>) => async ({ sizes, warmUp, measure }: Parameters<Parameters<typeof bench>[2][string]>[0]) => {
  const count = sizes.alerts!
  await warmUp(() => run(Math.min(count, 20_000)))
  const before = usage().cpuMs
  return measure(async (): Promise<Work> => {
    const sum = await run(count)
    if (sum !== count * (count - 1) / 2 + count * STEPS) throw new Error(`the sum of ${count} records is wrong`)
    return { alerts: count, bytes: count * BYTES, figures: { 'CPU-ns/record/node': (usage().cpuMs - before) * 1e6 / count / NODES } }
  })
}

await bench('pipeline-overhead', { alerts: { full: 500_000, quick: 50_000 } }, {
  'for await loop': row(count => loop(count, plus)),
  'RxJS, no backpressure': row(rx),
  'graph': row(count => graph(count, plus)),
  'graph, batch sink of 500': row(count => graph(count, plus, 500)),
  'for await loop, async steps': row(count => loop(count, plusLater)),
  'graph, async steps': row(count => graph(count, plusLater))
})
