// Compares alert-stream with its peers on one broker, one data set and one null store: `npm run bench -- peers [--quick] [--only TEXT]`.
// The programs run in turn, five rounds, and each row is printed after its last round. Ratios are to the first row of a comparison.
// `--sizes 82,112,500`, `--partitions 8,45` and `--delays 0,50,200` select other ingest comparisons; `--throttle N` limits the uploads per
// second and key range. `--save` writes bench/results.json, bench/RESULTS.md and the table of the README.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { kafkaConnection } from '../src/kafka/connection.ts'
import { log } from './harness.ts'
import { compare, measured, type Row, type Subject } from './peers/comparison.ts'
import { bento, ingestSubject, original, ours, type Ingester } from './peers/ingesters.ts'
import { copyLoop, playStream, producerPerformance, replaySubject } from './peers/replayers.ts'
import { rowLine, rowText } from './peers/report.ts'
import { scenarioSubject } from './peers/scenario.ts'
import { startNullStore } from './peers/store.ts'
import { alertSizes, loadTopic, type AlertSize, type AlertTopic } from './peers/topics.ts'
import { machine, saveResults } from './results.ts'
import { serveTurns, type ServeOptions } from './serve-turns.ts'
import { withStack, type BenchStack } from './support.ts'

const text = { type: 'string' } as const
const flag = { type: 'boolean', default: false } as const
const options = {
  quick: flag, save: flag, silent: flag, only: text, json: text, rounds: text, connections: text, throttle: text,
  sizes: text, partitions: text, delays: text
}
// bench/run.ts passes the flags of all scenarios.
const given = parseArgs({ options, strict: false }).values as Readonly<Record<string, string | boolean | undefined>>
const number = (name: string): number | undefined => typeof given[name] === 'string' ? Number(given[name]) : undefined
const list = (name: string): string[] | undefined => typeof given[name] === 'string' ? given[name].split(',') : undefined
const quick = given['quick'] === true
const rounds = number('rounds') ?? (quick ? 2 : 5)

const counts: Readonly<Record<AlertSize, { readonly alerts: number, readonly warmUp: number }>> = {
  '82 KB': { alerts: 4500, warmUp: 2000 }, '112 KB': { alerts: 4500, warmUp: 2000 }, '500 KB': { alerts: 900, warmUp: 300 }
}
const scale = quick ? 0.2 : 1

interface Comparison {
  readonly name: string
  run (stack: BenchStack, name: string): Promise<void>
}

const store = await startNullStore()
const topics = new Map<string, Promise<AlertTopic>>()
const rows: Row[] = []
const onRow = (row: Row): void => {
  rows.push(row)
  process.stderr.write(rowText(row))
}
const inTurn = async (name: string, subjects: readonly Subject[]): Promise<void> => {
  await compare(name, subjects, { rounds, log, onRow })
}
const connectionOf = ({ broker }: BenchStack) => kafkaConnection({ brokers: [broker], auth: 'none', tls: false, clientId: 'bench' })

async function topicOf (stack: BenchStack, size: AlertSize, partitions: number): Promise<AlertTopic> {
  const key = `${size}, ${partitions}`
  const alerts = Math.round(counts[size].alerts * scale)
  const loading = topics.get(key) ??
    loadTopic({ connection: await connectionOf(stack), registry: stack.registry, size, partitions, alerts })
  topics.set(key, loading)
  return await loading
}

const byOffset = bento('by offset', { quick, log })
const everyIngester = [
  byOffset, ours('libdeflate 4 (default)', 'libdeflate'), ours('ISA-L 2', 'isal'), ours('zlib 3', 'zlib'), bento('by id', { quick, log }),
  original(log)
]

function ingest (size: AlertSize, partitions: number, delayMs: number, ingesters: readonly Ingester[] = everyIngester): Comparison {
  return {
    name: `ingest, ${size}, ${partitions} partitions, ${delayMs} ms per PUT`,
    run: async (stack, name) => {
      const topic = await topicOf(stack, size, partitions)
      const shared = { store, broker: stack.broker, registry: stack.registry, topic, delayMs }
      const limits = { putsPerSecond: number('throttle'), connections: number('connections') ?? 64 }
      const ingestOptions = { ...shared, ...limits, warmUp: Math.round(counts[size].warmUp * scale) }
      await inTurn(name, ingesters.map(ingester => ingestSubject(ingester, ingestOptions)))
    }
  }
}

function replay (size: AlertSize, partitions: number): Comparison {
  return {
    name: `replay, ${size}, ${partitions} partitions`,
    run: async (stack, name) => {
      const topic = await topicOf(stack, size, partitions)
      const replayOptions = {
        connection: await connectionOf(stack), registry: stack.registry, topic, warmUp: 2000 * scale, alerts: 8000 * scale
      }
      await inTurn(name, [copyLoop(), playStream(), producerPerformance(log)].map(replayer => replaySubject(replayer, replayOptions)))
    }
  }
}

const encode: Comparison = {
  name: 'decode and encode, 82 KB',
  run: async (_, name) => {
    const flags = ['--alerts', String(1500 * scale)]
    await inTurn(name, [
      scenarioSubject('fastavro, 11.1 to 11.1', 'encode', 'fastavro', ...flags),
      scenarioSubject('alert-stream, 11.1 to 11.1', 'encode', '11.1 to 11.1', ...flags),
      scenarioSubject('alert-stream, 9.0 to 11.1', 'encode', '9.0 to 11.1', ...flags)
    ])
  }
}

/** The servers get their requests in turn while all of them run. `reference` is the first row. */
function serve (what: string, reference: 'FastAPI' | 'constant', serveOptions: ServeOptions): Comparison {
  return {
    name: `HTTP, ${what}`,
    run: async (_, comparison) => {
      const { results, loads } = await serveTurns(serveOptions, { objects: 500 * scale, requests: 5000 * scale, turns: rounds })
      const names = [reference, ...Object.keys(results).filter(name => name !== reference)]
      for (const subject of names) {
        onRow({ comparison, subject, ...measured(results[subject]!, subject === reference ? undefined : results[reference], loads) })
      }
    }
  }
}

function sizeOf (kilobytes: string): AlertSize {
  const size = alertSizes.find(each => each === `${kilobytes} KB`)
  if (size === undefined) throw new RangeError(`--sizes must be some of ${alertSizes.join(', ')}, not ${kilobytes}`)
  return size
}

function chosen (): Comparison[] {
  const custom = ['sizes', 'partitions', 'delays'].some(name => given[name] !== undefined)
  if (custom) {
    return (list('sizes') ?? ['82']).flatMap(size => (list('partitions') ?? ['8']).flatMap(partitions =>
      (list('delays') ?? ['0']).map(delay => ingest(sizeOf(size), Number(partitions), Number(delay)))))
  }
  const [, libdeflate, isal] = everyIngester
  const fastest = [byOffset, libdeflate!, isal!]
  const few = [byOffset, libdeflate!]
  const decompressed = serve('decompressed', 'FastAPI', { coding: 'identity' })
  if (quick) return [ingest('82 KB', 8, 0, fastest), replay('82 KB', 8), encode, decompressed]
  return [
    ingest('82 KB', 8, 0), ingest('82 KB', 8, 50, few), ingest('82 KB', 8, 200, few), ingest('112 KB', 45, 0, fastest),
    ingest('500 KB', 8, 0, fastest), replay('82 KB', 8), encode, decompressed,
    serve('stored gzip', 'constant', { coding: 'gzip' }), serve('304 Not Modified', 'constant', { coding: 'gzip', conditional: true })
  ]
}

async function benchPeers (): Promise<void> {
  const { only } = given
  const comparisons = chosen().filter(({ name }) => typeof only !== 'string' || name.includes(only))
  try {
    await withStack(log, async stack => {
      for (const { name, run } of comparisons) await run(stack, name)
    })
  } finally {
    await store.stop()
  }
  const flags = Object.entries(given).filter(([name, value]) => value !== false && !['json', 'silent'].includes(name))
  const command = ['npm run bench -- peers', ...flags.map(([name, value]) => `--${name}${value === true ? '' : ` ${value}`}`)].join(' ')
  if (given['save'] === true) await saveResults({ command, date: new Date().toISOString(), machine: machine(), rows })
  if (typeof given['json'] === 'string') writeFileSync(given['json'], JSON.stringify(rows.map(rowLine), null, 2) + '\n')
  if (given['silent'] !== true) process.stdout.write(rows.map(rowText).join(''))
  if (rows.length === 0 || rows.some(row => 'failed' in row)) process.exitCode = 1
}

await benchPeers()
