// Measures the API over loopback HTTP, decompressed or as stored gzip. CPU time and memory are those of the serving process. "recent": from
// the cache. "old": verified before, but read from the archive. "first request": each alert is fetched once, so that its gzip has to be
// verified. "304": each request has the entity tag of the alert. In each row, two references get the same requests in turn, and the last
// column has their CPU-ms per request and the ratios to them.
import { bench, type Bench, type Result } from './harness.ts'
import { serveTurns, startNode, type ServeOptions } from './serve-turns.ts'

const SIZES = { alerts: { full: 20_000, quick: 1500 }, objects: { full: 500, quick: 100 }, once: { full: 5000, quick: 400 } } as const

const turns = 4

function total (results: readonly Result[]): Result {
  const sum = (value: (result: Result) => number): number => results.reduce((all, result) => all + value(result), 0)
  return {
    alerts: sum(({ alerts }) => alerts), bytes: sum(({ bytes }) => bytes), seconds: sum(({ seconds }) => seconds),
    cpuMs: sum(({ cpuMs }) => cpuMs), peakBytes: Math.max(...results.map(({ peakBytes }) => peakBytes))
  }
}

const row = (options: ServeOptions) => async ({ sizes }: Bench<typeof SIZES>): Promise<Result> => {
  const objects = options.once === true ? sizes.once : sizes.objects
  const { results } = await serveTurns(options, { objects, requests: Math.ceil(sizes.alerts / turns), turns })
  const { serve = [], ...references } = results
  const ours = total(serve)
  const extra: Record<string, number> = {}
  for (const [name, results] of Object.entries(references)) {
    const { cpuMs } = total(results)
    extra[name] = cpuMs / ours.alerts
    extra[`ratio to ${name}`] = ours.cpuMs / cpuMs
  }
  return { ...ours, extra }
}

const uncached = ['--cache-mib', '0']

await bench('serve', SIZES, {
  'serve, decompressed, recent': row({ coding: 'identity' }),
  'serve, decompressed, old': row({ coding: 'identity', flags: uncached }),
  'serve, stored gzip, recent': row({ coding: 'gzip' }),
  'serve, stored gzip, old': row({ coding: 'gzip', flags: uncached }),
  'serve, stored gzip, first request': row({ coding: 'gzip', once: true }),
  'serve, 304, recent': row({ coding: 'gzip', conditional: true }),
  'serve, 304, old': row({ coding: 'gzip', conditional: true, flags: uncached }),
  'reference: bare node:http, decompressed': row({ coding: 'identity', start: root => startNode('bare-server.ts', root) })
}, { quick: ['serve, stored gzip, recent', 'serve, 304, recent'] })
