// The demo's system, part by part in the order in which they depend on each other, and the way back: simulator first, then the ingester when
// it has archived all, then the API, then the servers. Whatever fails on the way up, all that runs already is stopped again.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { fetchSchemaPackage, schemaPackageCached } from '../../avro/index.ts'
import { parseCommandLine } from '../../config/parse.ts'
import { checkPrerequisites, downloadsMissing, freePorts, isPortFree, startStack } from '../../devstack/index.ts'
import { KafkaAdmin } from '../../kafka/admin.ts'
import { kafkaConnection } from '../../kafka/connection.ts'
import { wholeTopic } from '../../sources/static-topic.ts'
import createStream from '../create-stream.ts'
import generate from '../generate.ts'
import type { Host, Mode } from '../mode.ts'
import syncSchema from '../sync-schema.ts'
import { startMode, whenItDies, type ModeProcess } from './children.ts'
import { group, partitions, topics, type Settings } from './settings.ts'
import { fingerprint, readLoaded, writeDemoFile, writeLoaded, type DemoFile } from './state.ts'
import type { IngestFacts, PlayFacts } from './visits.ts'

export interface DemoSystem {
  readonly file: DemoFile
  readonly play: ModeProcess<PlayFacts>
  readonly ingest: ModeProcess<IngestFacts>
  /** Rejects when a part ends although nobody stopped it. */
  readonly failed: Promise<never>
  /** Stops everything in order; may be called again. */
  stop (): Promise<void>
}

type Say = (line: string) => void
const DRAIN_MS = 30_000

/** Runs another mode here, to its end. */
async function runHere (mode: unknown, args: readonly string[], host: Host, say: Say): Promise<void> {
  const { mode: name, ...rest } = mode as Mode
  const { config, positionals } = parseCommandLine({ mode: name, ...rest }, args, {})
  await (mode as Mode).run(config, positionals, { ...host, print: async text => { say(`  ${text.trimEnd()}`) } })
}

export async function startSystem (settings: Settings, host: Host, say: Say): Promise<DemoSystem> {
  const { config, stateDir, archiveDir } = settings
  const undo: (() => Promise<unknown>)[] = []
  let stopping = false
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping = true
    stopped ??= (async () => { for (const step of undo.reverse()) await step().catch((error: unknown) => host.log.warn({ error: String(error) }, 'a part did not stop cleanly')) })()
    return stopped
  }
  // Between two steps: a stop that was asked for meanwhile must not start the next one.
  const goOn = (): void => { host.stop.throwIfAborted() }
  try {
    const { broker, registry } = await servers(settings, host, say, undo)
    goOn()
    const visitFile = config.file ?? await generatedFile(settings, host, say)
    goOn()
    say('schema registry: the newest alert schema')
    await runHere(syncSchema, ['--schema-registry-url', registry, '--cache-dir', host.cacheDir], host, say)
    goOn()
    await load(settings, broker, registry, visitFile, host, say)
    goOn()

    const archive = pathToFileURL(archiveDir).href
    await mkdir(archiveDir, { recursive: true })
    const ingest = await startMode<IngestFacts>('ingest', [
      '--broker', broker, '--topic', topics.simulated, '--group', group, '--group-instance-id', 'demo', '--wait-for-topic',
      '--schema-registry-url', registry, '--alert-store', archive, '--dead-letter-topic', topics.deadLetters
    ], stateDir, host, '/livez')
    undo.push(() => ingest.stop(DRAIN_MS))
    const port = await apiPort(config.port, say)
    const serve = await startMode<object>('serve', ['--alert-store', archive, '--listen-port', String(port)], stateDir, host, '/readyz')
    undo.push(() => serve.stop(DRAIN_MS))
    goOn()
    const play = await startMode<PlayFacts>('play-stream', [
      '--broker', broker, '--src-topic', topics.static, '--dst-topic', topics.simulated, '--repeat-interval', String(settings.intervalSeconds < 0 ? 86_400 : settings.intervalSeconds),
      '--create-dst-topic', '--dst-topic-partitions', String(partitions), '--dst-topic-retention-bytes', String(settings.simulatedBytes)
    ], stateDir, host, '/livez')
    undo.push(async () => {
      await play.stop(DRAIN_MS)
      await archived(ingest)
    })
    const file: DemoFile = {
      kafka: broker, registry, api: `http://127.0.0.1:${port}`, archive: { alerts: archive, schemas: archive }, topics, group, pid: process.pid
    }
    await writeDemoFile(stateDir, file)
    const failed = Promise.race([ingest, serve, play].map(each => whenItDies(each as ModeProcess<unknown>, () => stopping)))
    failed.catch(() => {})
    return { file, play, ingest, failed, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What a drain waits for: everything that was published is in the archive. */
async function archived (ingest: ModeProcess<IngestFacts>): Promise<void> {
  for (const deadline = Date.now() + DRAIN_MS; Date.now() < deadline;) {
    if ((await ingest.status()).facts.lag === 0) return
    await sleep(200)
  }
}

async function servers (settings: Settings, host: Host, say: Say, undo: (() => Promise<unknown>)[]): Promise<{ broker: string, registry: string }> {
  const { config, stateDir } = settings
  const external = config.broker !== undefined && config.schemaRegistryUrl !== undefined
  await checkPrerequisites({
    java: !external,
    maven: !external && await downloadsMissing(host.cacheDir),
    ...(await schemaPackageCached(host.cacheDir) ? {} : { python: 'pip' })
  }, host.environment)
  await fetchSchemaPackage({ cacheDir: host.cacheDir, log: host.log })
  if (external) return { broker: (config.broker ?? []).join(','), registry: config.schemaRegistryUrl ?? '' }
  say('starting Kafka and the schema registry')
  const stack = await startStack({
    cacheDir: host.cacheDir, stateDir, env: host.environment, log: host.log, progress: line => say(`  ${line}`),
    // Retention is looked at often, so that the demo's small limits hold.
    kafka: { config: { 'log.retention.check.interval.ms': '10000' } }
  })
  undo.push(() => stack.stop())
  return { broker: config.broker?.join(',') ?? stack.kafka.broker, registry: config.schemaRegistryUrl ?? stack.registry.url }
}

async function generatedFile ({ config, alerts, stateDir }: Settings, host: Host, say: Say): Promise<string> {
  const folder = join(stateDir, 'visits')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `visits-${config.visits}-alerts-${alerts}-seed-${config.seed}.avro`)
  if (!(await fingerprint(path)).endsWith('missing')) {
    say(`alerts: ${path}, there already`)
    return path
  }
  say(`generating ${config.visits * alerts} alerts (about ${Math.ceil(config.visits * alerts * 0.0825)} MB)`)
  await runHere(generate, [path, '--visits', String(config.visits), '--alerts', String(alerts), '--seed', String(config.seed), '--cache-dir', host.cacheDir], host, say)
  return path
}

/** Loads the static topic, unless it holds exactly this file's alerts from an earlier start. */
async function load (settings: Settings, broker: string, registry: string, path: string, host: Host, say: Say): Promise<void> {
  const { config, stateDir } = settings
  const connection = await kafkaConnection({ brokers: broker.split(','), auth: 'none', tls: false, clientId: 'alert-stream-demo' })
  const from = `${await fingerprint(path)} fill-in ${config.fillIn}`
  const admin = new KafkaAdmin(connection)
  try {
    const loaded = await readLoaded(stateDir)
    const whole = await wholeTopic(admin, connection, topics.static)
    if (typeof whole !== 'string' && loaded?.topicId === whole.id && loaded.from === from) {
      say(`${topics.static}: loaded already`)
      return
    }
    // Somebody else's Kafka: only a topic that this demo loaded may be deleted; create-stream refuses any other that is not empty.
    const ours = config.broker === undefined || (await admin.describeTopic(topics.static))?.id === loaded?.topicId
    say(`loading ${topics.static}`)
    await runHere(createStream, [
      path, '--broker', broker, '--schema-registry-url', registry, '--dst-topic', topics.static, '--dst-topic-partitions', String(partitions),
      '--dead-letter-topic', topics.deadLetters, '--cache-dir', host.cacheDir, ...(ours ? ['--create-topic'] : []), ...(config.fillIn ? ['--fill-in'] : [])
    ], host, say)
    const topic = await admin.describeTopic(topics.static)
    if (topic !== undefined) await writeLoaded(stateDir, { topicId: topic.id, from })
  } finally {
    await admin.close()
  }
}

async function apiPort (wanted: number, say: Say): Promise<number> {
  if (wanted !== 0 && await isPortFree(wanted)) return wanted
  const [free = 0] = await freePorts(1)
  if (wanted !== 0) say(`port ${wanted} is in use: the API takes ${free}`)
  return free
}
