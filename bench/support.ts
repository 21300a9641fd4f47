// Support for the scenarios: generated alerts, real servers in a temporary folder, a null store, and the program as a child process.
import { fork, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchSchemaPackage, loadSchemaPackage, type AlertValue, type SchemaVersion } from '../src/avro/index.ts'
import { defaultCacheDir, freePorts, pythonEnvironment, startStack, type Environment } from '../src/devstack/index.ts'
import { createAlertGenerator } from '../src/generator/alert-generator.ts'
import type { ProfileName } from '../src/generator/profiles.ts'
import { KafkaAdmin } from '../src/kafka/admin.ts'
import { kafkaConnection } from '../src/kafka/connection.ts'
import type { NodeStats } from '../src/pipeline/index.ts'
import { checksumsOf, gzipFrame } from '../src/stores/index.ts'
import type { Bench, Result, Sizes } from './harness.ts'

export type { Environment }

/** Required mean rate of the system: 10,000 alerts per visit of 37 s. */
export const MEAN_RATE = 10_000 / 37

export const cacheDir = defaultCacheDir(process.env)
export const program = join(import.meta.dirname, '..', 'bin', 'alert-stream.js')

/** The result that a reference program prints as JSON. */
export type PeerResult = Omit<Result, 'extra'>

export async function schemaVersion (version?: string): Promise<SchemaVersion> {
  const schemas = await loadSchemaPackage(await fetchSchemaPackage({ cacheDir }))
  return version === undefined ? schemas.latest : schemas.get(version)
}

/** Returns a function that generates alert `index` of one visit of `count` alerts. */
export function alertGenerator (version: SchemaVersion, profile: ProfileName = 'design'): (index: number, count: number) => AlertValue {
  const generator = createAlertGenerator({ schema: JSON.parse(version.text), schemaVersion: version.version, seed: 1, profile })
  return (index, count) => generator.alert(0, index, count)
}

/** Generates one visit of `count` alerts. */
export function alertsOf (version: SchemaVersion, count: number, profile?: ProfileName): AlertValue[] {
  const alert = alertGenerator(version, profile)
  return Array.from({ length: count }, (_, index) => alert(index, count))
}

/** Generates `count` alerts in the newest schema, framed like the alerts in Kafka. */
export async function framesOf (count: number, profile?: ProfileName): Promise<Buffer[]> {
  const version = await schemaVersion()
  return alertsOf(version, count, profile).map(alert => version.schema.encodeFramed(1, alert))
}

export function totalBytes (buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0)
}

/** Path of a Python interpreter that has fastavro and confluent-kafka, for reference programs. */
export async function python (): Promise<string> {
  return pythonEnvironment({ cacheDir, env: process.env })
}

/** Runs `work` in a new temporary folder and removes the folder. */
export async function inFolder<R> (work: (folder: string) => Promise<R>): Promise<R> {
  const folder = await mkdtemp(join(tmpdir(), 'alert-stream-bench-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A gzipped alert, with the checksums of its frame. */
export interface StoredAlert { readonly gz: Buffer, readonly checksums: ReturnType<typeof checksumsOf> }

/**
 * Starts a null store and prepares `objects` gzipped alerts, which the scenarios store repeatedly under different ids.
 * @param delayMs time until the store responds to an upload
 */
export async function withNullStore<R> (
  objects: number, work: (url: string, alerts: readonly StoredAlert[]) => Promise<R>, delayMs = 0
): Promise<R> {
  const frames = await framesOf(objects)
  const alerts = await Promise.all(frames.map(async frame => ({ gz: await gzipFrame(frame), checksums: checksumsOf(frame) })))
  const child = fork(join(import.meta.dirname, 'null-store.ts'), [String(alerts[0]!.gz.length), String(delayMs)])
  const [port] = await once(child, 'message') as [number]
  try {
    return await work(`http://127.0.0.1:${port}`, alerts)
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

export interface BenchStack {
  /** Temporary folder. */
  readonly folder: string
  /** `host:port` of Kafka. */
  readonly broker: string
  /** URL of the schema registry. */
  readonly registry: string
}

/** Variable with the addresses of a running stack, which bench/run.ts sets so that all scenarios share one. */
const sharedStack = 'ALERT_STREAM_BENCH_STACK'

/**
 * Runs `work` with Kafka and a schema registry that has the alert schemas: the shared ones, or new ones, which are then stopped and
 * removed, also after SIGINT or SIGTERM.
 */
export async function withStack<R> (log: (line: string) => void, work: (stack: BenchStack) => Promise<R>): Promise<R> {
  return inFolder(async folder => {
    const shared = process.env[sharedStack]
    if (shared !== undefined) return await work({ folder, ...JSON.parse(shared) as Omit<BenchStack, 'folder'> })
    const stack = await startStack({ cacheDir, stateDir: folder, env: process.env, progress: log })
    try {
      await runProgram('sync-schema', '--schema-registry-url', stack.registry.url)
      return await Promise.race([work({ folder, broker: stack.kafka.broker, registry: stack.registry.url }), interrupted()])
    } finally {
      await stack.stop()
    }
  })
}

/** Runs `work` with a stack that the scenarios share, which are child processes with the given environment. */
export async function withSharedStack<R> (log: (line: string) => void, work: (environment: Environment) => Promise<R>): Promise<R> {
  return withStack(log, async ({ broker, registry }) => await work({ ...process.env, [sharedStack]: JSON.stringify({ broker, registry }) }))
}

/** Rejects at SIGINT or SIGTERM. */
async function interrupted (): Promise<never> {
  const signal = await Promise.race(['SIGINT', 'SIGTERM'].map(async name => {
    await once(process, name)
    return name
  }))
  throw new Error(`stopped by ${signal}`)
}

/** Runs `work` with a stack whose topic alerts-static holds `alerts` alerts. Afterwards deletes the topics. */
export async function withLoadedStack<R> (
  alerts: number, log: (line: string) => void, work: (stack: BenchStack) => Promise<R>
): Promise<R> {
  return withStack(log, async stack => {
    const { folder, broker, registry } = stack
    const file = join(folder, 'visit.avro')
    await runProgram('generate', file, '--alerts', String(alerts))
    await runProgram('create-stream', file, '--broker', broker, '--schema-registry-url', registry, '--dst-topic-partitions', '4')
    try {
      return await work(stack)
    } finally {
      const admin = new KafkaAdmin(await kafkaConnection({ brokers: [broker], auth: 'none', tls: false, clientId: 'bench' }))
      for (const topic of ['alerts-static', 'alerts-simulated']) await admin.deleteTopic(topic)
      await admin.close()
    }
  })
}

/** Runs alert-stream until it exits. Resolves to its stdout. */
export async function runProgram (...args: readonly string[]): Promise<string> {
  return run(process.execPath, [program, ...args])
}

/** Runs a program until it exits. Resolves to its stdout; rejects with its stderr if the exit code is not 0. */
export function run (command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', chunk => { out += String(chunk) })
    child.stderr.on('data', chunk => { err += String(chunk) })
    child.once('error', reject)
    child.once('close', code => {
      if (code === 0) resolve(out)
      else reject(new Error(`${args.join(' ')} exited with code ${code}: ${err.slice(-2000)}`))
    })
  })
}

export interface RunningMode {
  readonly pid: number
  status (): Promise<{ readonly nodes: readonly NodeStats[], readonly stats: Readonly<Record<string, unknown>> }>
  /** Sends the signal, by default SIGTERM, and waits until the process has ended. */
  stop (signal?: NodeJS.Signals): Promise<void>
}

/** Starts a long-running mode and waits until its admin port responds. */
export async function startMode (...args: readonly string[]): Promise<RunningMode> {
  const [port = 0] = await freePorts(1)
  const child = spawn(process.execPath, [program, ...args, '--admin-port', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', chunk => { stderr = (stderr + String(chunk)).slice(-2000) })
  const exited = new Promise<void>(resolve => { child.once('exit', () => resolve()) })
  const status = async () => await (await fetch(`http://127.0.0.1:${port}/status`)).json() as Awaited<ReturnType<RunningMode['status']>>
  for (const deadline = Date.now() + 60_000; ;) {
    if (await status().then(() => true, () => false)) break
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${args[0]} did not start: ${stderr}`)
    await sleep(50)
  }
  return {
    pid: child.pid as number,
    status,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal)
      await exited
    }
  }
}

/**
 * Runs an ingester and a simulator that publishes all alerts at once. Measures from the first alert read to the last alert archived.
 * The measured CPU time and memory are those of the ingester process.
 */
export async function ingestInto (
  store: string, stack: BenchStack, alerts: number, measure: Bench<Sizes>['measure'], flags: readonly string[] = []
): Promise<Result> {
  const ingest = await startIngest(store, stack, flags)
  try {
    const play = await startBurst(stack)
    try {
      return await measureIngest(ingest, alerts, measure)
    } finally {
      await play.stop()
    }
  } finally {
    await ingest.stop()
  }
}

/** Like `ingestInto`, but the ingester starts when all alerts have been published. */
export async function ingestBacklog (
  store: string, stack: BenchStack, alerts: number, measure: Bench<Sizes>['measure'], flags: readonly string[] = []
): Promise<Result> {
  const play = await startBurst(stack)
  while (((await play.status()).nodes.at(-1)?.out ?? 0) < alerts) await sleep(100)
  await play.stop()
  const ingest = await startIngest(store, stack, flags)
  try {
    return await measureIngest(ingest, alerts, measure)
  } finally {
    await ingest.stop()
  }
}

const startIngest = (store: string, { broker, registry }: BenchStack, flags: readonly string[]): Promise<RunningMode> =>
  startMode(
    'ingest', '--broker', broker, '--schema-registry-url', registry, '--group', randomUUID(), '--alert-store', store, '--wait-for-topic',
    ...flags)

const startBurst = ({ broker }: BenchStack): Promise<RunningMode> =>
  startMode('play-stream', '--broker', broker, '--repeat-interval', '3600', '--burst', '--create-dst-topic', '--dst-topic-partitions', '8')

async function measureIngest (ingest: RunningMode, alerts: number, measure: Bench<Sizes>['measure']): Promise<Result> {
  // The measurement excludes the time until the ingester finds the topic.
  while (((await ingest.status()).nodes[0]?.in ?? 0) === 0) await sleep(5)
  return await measure(async () => {
    let status = await ingest.status()
    const archived = (): number => status.nodes.find(node => node.node === 'archive')?.out ?? 0
    const bytes = (): number => status.nodes[0]?.bytes ?? 0
    const [archivedBefore, bytesBefore] = [archived(), bytes()]
    while (archived() < alerts) {
      await sleep(20)
      status = await ingest.status()
    }
    return { alerts: alerts - archivedBefore, bytes: bytes() - bytesBefore }
  }, { pid: ingest.pid })
}
