// Real servers for tests. All test files of a run share one Kafka, one schema registry, one Google Cloud Storage emulator and one S3
// server, started by the first test that needs them. scripts/test.ts passes the run folder and stops these servers at the end. A file that
// runs alone starts its own servers.
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import root, { type Test } from 'tap'
import {
  defaultCacheDir, ensureBucket, ensureS3, ensureS3Bucket, pythonEnvironment, s3Credentials, startGcs, startKafka, startS3, startStack,
  withLock, type KafkaServer, type RunningServer
} from '../../src/devstack/index.ts'
import type { Stack } from '../../src/devstack/stack.ts'
import { isAlive, type ProcessIdentity } from '../../src/devstack/process-identity.ts'
import type { KafkaOptions } from '../../src/devstack/kafka-server.ts'
import type { CacheOptions } from '../../src/devstack/download-cache.ts'
import { makeRunFolder, removeRunFolderNow, RUN_FOLDER } from './run-folder.ts'

/** The shared Kafka and schema registry. */
export interface TestStack {
  /** Bootstrap broker of Kafka, `127.0.0.1:PORT`. */
  readonly kafka: string
  /** Base URL of the schema registry. */
  readonly registry: string
  readonly kafkaPid: number
  readonly registryPid: number
}

/** A Google Cloud Storage emulator that keeps objects in memory. */
export interface TestGcs {
  /** Value for STORAGE_EMULATOR_HOST: `http://127.0.0.1:PORT`. */
  readonly url: string
  /** Creates a bucket that no other test uses and returns its name. */
  bucket (): Promise<string>
}

/** An S3 server that keeps objects in memory. */
export interface TestS3 {
  /** Value for --s3-endpoint-url: `http://127.0.0.1:PORT`. */
  readonly url: string
  /** Environment for programs that use the server. */
  readonly env: Readonly<Record<string, string>>
  /** Path of a Python with boto3. */
  readonly python: string
  /** Creates a bucket that no other test uses and returns its name. */
  bucket (): Promise<string>
}

interface Shared { readonly servers: readonly ProcessIdentity[] }
type SharedStack = TestStack & Shared
interface SharedServer extends Shared { readonly url: string }

// If `npx tap` runs a single file, the file creates its own run folder and removes the folder at the end.
const shared = process.env[RUN_FOLDER]
let own: Promise<string> | undefined
let stack: Promise<TestStack> | undefined
let gcs: Promise<SharedServer> | undefined
let s3: Promise<SharedServer> | undefined

/** The Kafka and schema registry that all tests share. Name topics and subjects with `uniqueName`, and never stop these servers. */
export async function useStack (_t: Test): Promise<TestStack> {
  stack ??= shared === undefined ? ownStack() : sharedStack(shared)
  return await stack
}

/** The storage emulator that all tests share. Never stop the emulator, and create a bucket per test. */
export async function useGcs (_t: Test): Promise<TestGcs> {
  gcs ??= oneServer('gcs', async dataDir => await startGcs({ ...cache(), dataDir, backend: 'memory' }))
  const { url } = await gcs
  return {
    url,
    bucket: async () => {
      const name = uniqueName('bucket')
      await ensureBucket(url, name)
      return name
    }
  }
}

/** The S3 server that all tests share. Never stop it, and create a bucket per test. */
export async function useS3 (_t: Test): Promise<TestS3> {
  s3 ??= oneServer('s3', async dataDir => await startS3({ ...cache(), dataDir }))
  const { url } = await s3
  return {
    url,
    env: { AWS_ACCESS_KEY_ID: s3Credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Credentials.secretAccessKey },
    python: await ensureS3(cache()),
    bucket: async () => {
      const name = uniqueName('bucket')
      await ensureS3Bucket(url, name)
      return name
    }
  }
}

/** A Kafka for one test. The test may stop, kill and restart this Kafka on the same `dataDir`. Teardown kills it. */
export async function useOwnKafka (t: Test, options: Partial<KafkaOptions> = {}): Promise<KafkaServer> {
  const dataDir = options.dataDir ?? await tempDir(t)
  const server = await startKafka({ ...cache(), dataDir, ...options })
  endWithThisProcess(server)
  t.teardown(async () => { await server.kill() })
  return server
}

/** Path of a Python with numpy, astropy, fastavro, confluent-kafka (with its registry client) and requests. */
export async function usePython (_t: Test): Promise<string> {
  return await pythonEnvironment(cache())
}

/** A loopback port without a listener. It is outside the ephemeral range, so no server of another test can take it. */
export const CLOSED_PORT = 2

/** A unique name for a topic, group or subject. */
export function uniqueName (prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`
}

/** Creates a temporary folder, which is removed in teardown. */
export async function tempDir (t: Test): Promise<string> {
  const folder = await mkdtemp(join(await runFolder(), 'tmp-'))
  t.teardown(async () => { await rm(folder, { recursive: true, force: true, maxRetries: 3 }) })
  return folder
}

/** Options for src/devstack: the cache folder for the server programs and Python packages, and the environment of this process. */
export function cache (): CacheOptions {
  return { cacheDir: defaultCacheDir(process.env), env: process.env }
}

async function runFolder (): Promise<string> {
  if (shared !== undefined) return shared
  own ??= makeRunFolder().then(folder => {
    process.once('exit', () => { removeRunFolderNow(folder) })
    // By default, a signal ends the process without an 'exit' event, so the handler calls process.exit.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => { process.exit(1) })
    return folder
  })
  return await own
}

async function ownStack (): Promise<TestStack> {
  const started = await startStack({ ...cache(), stateDir: join(await runFolder(), 'stack') })
  endWithThisProcess(started.kafka)
  endWithThisProcess(started.registry)
  root.teardown(async () => { await started.kill() })
  return stateOf(started)
}

async function oneServer (
  name: string, start: (dataDir: string) => Promise<RunningServer & { readonly url: string }>
): Promise<SharedServer> {
  if (shared !== undefined) {
    return await sharedServers(shared, name, async dataDir => {
      const server = await start(dataDir)
      server.unref()
      return { url: server.url, servers: [identityOf(server)] }
    })
  }
  const server = await start(join(await runFolder(), name))
  endWithThisProcess(server)
  root.teardown(async () => { await server.kill() })
  return { url: server.url, servers: [identityOf(server)] }
}

async function sharedStack (folder: string): Promise<SharedStack> {
  return await sharedServers(folder, 'stack', async stateDir => {
    const servers = await startStack({ ...cache(), stateDir })
    servers.unref()
    return stateOf(servers)
  })
}

/** Returns the servers that an earlier caller in this test run started. If there are none or they no longer run, calls `start`. */
async function sharedServers<S extends Shared> (folder: string, name: string, start: (stateDir: string) => Promise<S>): Promise<S> {
  const stateFile = join(folder, `${name}.json`)
  return await withLock(join(folder, `${name}.lock`), async () => {
    const state = await readState<S>(stateFile)
    if (state !== undefined && (await Promise.all(state.servers.map(isAlive))).every(alive => alive)) return state
    const stateDir = join(folder, uniqueName(name))
    await mkdir(stateDir)
    const fresh = await start(stateDir)
    await writeFile(`${stateFile}.new`, JSON.stringify(fresh))
    await rename(`${stateFile}.new`, stateFile)
    return fresh
  })
}

async function readState<S> (path: string): Promise<S | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text) as S
}

function stateOf ({ kafka, registry }: Stack): SharedStack {
  const servers = [kafka, registry].map(identityOf)
  return { kafka: kafka.broker, registry: registry.url, kafkaPid: kafka.pid, registryPid: registry.pid, servers }
}

function identityOf ({ pid, started }: ProcessIdentity): ProcessIdentity {
  return { pid, started }
}

/** If tap ends a test file early, its teardown does not run, and the servers would outlive it in their own process groups. */
export function endWithThisProcess (server: { readonly pid: number, readonly exited: Promise<unknown> }): void {
  const kill = (): void => {
    try {
      process.kill(server.pid, 'SIGKILL')
    } catch { /* it has already exited */ }
  }
  process.prependOnceListener('exit', kill)
  void server.exited.then(() => { process.off('exit', kill) })
}

export { runCli, startCli, type CliOptions, type CliResult, type RunningCli } from './cli.ts'
