// What several scenarios need: generated alerts, real servers in a folder of their own, and the program as a child process.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchSchemaPackage, loadSchemaPackage, type AlertValue, type SchemaVersion } from '../src/avro/index.ts'
import { defaultCacheDir, freePorts, pythonEnvironment, startStack } from '../src/devstack/index.ts'
import { createAlertGenerator } from '../src/generator/alert-generator.ts'
import type { NodeStats } from '../src/pipeline/index.ts'
import type { Bench, Result, Sizes } from './harness.ts'

export const cacheDir = defaultCacheDir(process.env)
const program = join(import.meta.dirname, '..', 'bin', 'alert-stream.js')

export async function schemaVersion (version?: string): Promise<SchemaVersion> {
  const schemas = await loadSchemaPackage(await fetchSchemaPackage({ cacheDir }))
  return version === undefined ? schemas.latest : schemas.get(version)
}

/** `count` alerts of one visit. */
export function alertsOf (version: SchemaVersion, count: number): AlertValue[] {
  const generator = createAlertGenerator({ schema: JSON.parse(version.text), schemaVersion: version.version, seed: 1 })
  return Array.from({ length: count }, (_, index) => generator.alert(0, index, count))
}

/** Framed alerts, as they are in Kafka. */
export async function framesOf (count: number, version?: string): Promise<Buffer[]> {
  const schema = await schemaVersion(version)
  return alertsOf(schema, count).map(alert => schema.schema.encodeFramed(1, alert))
}

export function totalBytes (buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0)
}

/** A Python with fastavro and confluent-kafka, for peers. */
export async function python (): Promise<string> {
  return pythonEnvironment({ cacheDir, env: process.env })
}

/** Runs work in a new temporary folder, which is removed after it. */
export async function inFolder<R> (work: (folder: string) => Promise<R>): Promise<R> {
  const folder = await mkdtemp(join(tmpdir(), 'alert-stream-bench-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export interface Loaded {
  readonly folder: string
  readonly broker: string
  readonly registry: string
}

/** Real Kafka and registry, and `alerts` alerts in alerts-static; everything is stopped and removed after the work. */
export async function withLoadedStack<R> (alerts: number, say: (line: string) => void, work: (stack: Loaded) => Promise<R>): Promise<R> {
  return inFolder(async folder => {
    const stack = await startStack({ cacheDir, stateDir: folder, env: process.env, progress: say })
    try {
      const { broker } = stack.kafka
      const { url: registry } = stack.registry
      const file = join(folder, 'visit.avro')
      await runProgram('generate', file, '--alerts', String(alerts))
      await runProgram('sync-schema', '--schema-registry-url', registry)
      await runProgram('create-stream', file, '--broker', broker, '--schema-registry-url', registry, '--dst-topic-partitions', '4')
      return await work({ folder, broker, registry })
    } finally {
      await stack.stop()
    }
  })
}

/** Runs the program to its end; gives what it printed. */
export async function runProgram (...args: readonly string[]): Promise<string> {
  return run(process.execPath, [program, ...args])
}

/** Runs any program to its end; rejects with its output where it fails. */
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
      else reject(new Error(`${args.join(' ')} ended with code ${code}: ${err.slice(-2000)}`))
    })
  })
}

export interface RunningMode {
  readonly pid: number
  status (): Promise<{ readonly nodes: readonly NodeStats[], readonly facts: Readonly<Record<string, unknown>> }>
  stop (): Promise<void>
}

/** Starts a long-running mode and waits until its admin port answers. */
export async function startMode (...args: readonly string[]): Promise<RunningMode> {
  const [port = 0] = await freePorts(1)
  const child = spawn(process.execPath, [program, ...args, '--admin-port', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', chunk => { said = (said + String(chunk)).slice(-2000) })
  const exited = new Promise<void>(resolve => { child.once('exit', () => resolve()) })
  const status = async () => await (await fetch(`http://127.0.0.1:${port}/status`)).json() as Awaited<ReturnType<RunningMode['status']>>
  for (const deadline = Date.now() + 60_000; ;) {
    if (await status().then(() => true, () => false)) break
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${args[0]} did not start: ${said}`)
    await sleep(50)
  }
  return {
    pid: child.pid as number,
    status,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    }
  }
}

/** An ingester, and a simulator that publishes all alerts at once; measured from the first alert read to the last archived. CPU and memory are the ingester's. */
export async function ingestInto (store: string, { broker, registry }: Loaded, alerts: number, measure: Bench<Sizes>['measure'], flags: readonly string[] = []): Promise<Result> {
  const ingest = await startMode('ingest', '--broker', broker, '--schema-registry-url', registry, '--alert-store', store, '--wait-for-topic', ...flags)
  const play = await startMode('play-stream', '--broker', broker, '--repeat-interval', '3600', '--burst', '--create-dst-topic', '--dst-topic-partitions', '8')
  try {
    // The topic may be found only at the next look: that wait is not the ingester's speed.
    while (((await ingest.status()).nodes[0]?.in ?? 0) === 0) await sleep(5)
    return await measure(async () => {
      let status = await ingest.status()
      const done = (): number => status.nodes.find(node => node.node === 'archive')?.out ?? 0
      const before = done()
      const bytesBefore = status.nodes[0]?.bytes ?? 0
      while (done() < alerts) {
        await sleep(20)
        status = await ingest.status()
      }
      return { alerts: alerts - before, bytes: (status.nodes[0]?.bytes ?? 0) - bytesBefore }
    }, { pid: ingest.pid })
  } finally {
    await play.stop()
    await ingest.stop()
  }
}
