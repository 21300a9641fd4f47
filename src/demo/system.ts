// Starts the demo's servers, loads the static topic, and starts the modes. If a step fails, all running processes are stopped.
// Shutdown order: simulator, ingester (after it has archived all published alerts), indexer, API, servers.
import { join } from 'node:path'
import { freePorts, isPortFree } from '../devstack/index.ts'
import { waitUntil } from '../devstack/wait-until.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import syncSchema from '../modes/sync-schema.ts'
import type { Host } from '../program/mode.ts'
import { startArchive } from './archive.ts'
import { mtlsClients, plaintextClients, securitySection } from './kafka-clients.ts'
import { generatedFile, loadVisit } from './load-visit.ts'
import { startMode, type ModeProcess } from './mode-processes.ts'
import { raiseRetention } from './retention.ts'
import { runMode, type PrintLine } from './run-mode.ts'
import { startServers } from './servers.ts'
import { group, indexGroup, partitions, topics, type Settings } from './settings.ts'
import { removeDemoFile, writeDemoFile, type DemoFile } from './state-folder.ts'
import { Supervisor } from './supervisor.ts'
import type { IngestStats, PlayStats, VisitSources } from './visit-reports.ts'

export interface DemoSystem extends VisitSources {
  readonly file: DemoFile
  /** Number of alerts in the static topic. */
  readonly loaded: number
  /** Rejects when a process ends unexpectedly. */
  readonly failed: Promise<never>
  /** Removes demo.json and stops everything in order. Idempotent. */
  stop (): Promise<void>
}

const ARCHIVED_MS = 30_000
const POLL_MS = 200
/** Time until an alert can be found by search. */
const SEGMENT_SECONDS = 5
/** Interval between passes if the demo plays only one pass. The demo ends long before a second pass would begin. */
const ONE_DAY_SECONDS = 86_400

/** Starts the demo's system. Errors: DEVSTACK_*, PACKAGE_*, DEMO_PART_FAILED, and the errors of generate, sync-schema and create-stream. */
export async function startSystem (settings: Settings, host: Host, print: PrintLine): Promise<DemoSystem> {
  const supervisor = new Supervisor(host.log, host.stop)
  try {
    return await start(settings, host, print, supervisor)
  } catch (error) {
    await supervisor.stop()
    throw error
  }
}

async function start (settings: Settings, host: Host, print: PrintLine, supervisor: Supervisor): Promise<DemoSystem> {
  const { config, stateDir } = settings
  const { broker, access, registry, running } = await startServers(settings, host, print)
  for (const { name, server } of running) supervisor.add(name, server)
  const clients = access === undefined ? plaintextClients(broker) : mtlsClients(access)
  await supervisor.check()
  const visitFile = config.file ?? await generatedFile(settings, host, print)
  await supervisor.check()
  print('registering the newest alert schema')
  await runMode(syncSchema, ['--schema-registry-url', registry, '--cache-dir', host.cacheDir], host, print)
  await supervisor.check()
  const loaded = await loadVisit(settings, clients, registry, visitFile, host, print)
  await supervisor.check()

  const connection = await clients.connect('admin')
  const admin = new KafkaAdmin(connection)
  supervisor.onStop(() => admin.close())
  await raiseRetention(admin, connection, topics.simulated, settings.retentionBytes, host.log)
  const lag = async (): Promise<number | undefined> => {
    try {
      return Number((await admin.groupLag(group, [topics.simulated])).get(topics.simulated))
    } catch {
      return undefined
    }
  }

  const archive = await startArchive(settings, host, print)
  const { server, storageEmulator, s3 } = archive
  if (server !== undefined) supervisor.add(s3 === undefined ? 'the storage emulator' : 'the S3 server', server)
  await supervisor.check()
  const endpoint = s3 === undefined ? [] : ['--s3-endpoint-url', s3.endpointUrl]
  const stores = ['--alert-store', archive.alerts, '--schema-store', archive.schemas, ...endpoint]
  const archiveHost: Host = { ...host, environment: archive.environment }
  const port = await apiPort(config.port, print)
  const index = settings.indexed ? ['--index-store', archive.index] : []
  const cache = settings.indexed ? ['--index-cache-dir', join(stateDir, 'index-cache')] : []
  const serve = await startMode<object>(
    'serve', [...stores, ...index, ...cache, '--listen-port', String(port)], stateDir, archiveHost, '/readyz')
  supervisor.add('serve', serve)
  await supervisor.check()
  const modes: Array<ModeProcess<unknown>> = [serve]
  if (settings.indexed) {
    const indexer = await startMode<object>('index', [
      ...clients.flags('indexer'), '--topic', topics.simulated, '--group', indexGroup, '--group-instance-id', 'demo', '--wait-for-topic',
      '--schema-registry-url', registry, ...index, ...endpoint, '--segment-seconds', String(SEGMENT_SECONDS)
    ], stateDir, archiveHost, '/livez')
    supervisor.add('index', indexer)
    modes.unshift(indexer)
    await supervisor.check()
  }
  const ingest = await startMode<IngestStats>('ingest', [
    ...clients.flags('ingester'), '--topic', topics.simulated, '--group', group, '--group-instance-id', 'demo', '--wait-for-topic',
    '--schema-registry-url', registry, ...stores, '--dead-letter-topic', topics.deadLetters, '--compressor', config.compressor,
    ...config.gzipLevel === undefined ? [] : ['--gzip-level', String(config.gzipLevel)]
  ], stateDir, archiveHost, '/livez')
  supervisor.add('ingest', ingest)
  await supervisor.check()
  // Shutdown steps run in reverse order, so this step runs after the simulator has stopped.
  supervisor.onStop(async () => { if (!supervisor.failed) await untilArchived(lag, ingest) })
  const play = await startMode<PlayStats>('play-stream', [
    ...clients.flags('simulator'), '--src-topic', topics.static, '--dst-topic', topics.simulated,
    '--repeat-interval', String(settings.intervalSeconds ?? ONE_DAY_SECONDS),
    '--create-dst-topic', '--dst-topic-partitions', String(partitions), '--dst-topic-retention-bytes', String(settings.retentionBytes),
    ...config.fresh ? ['--fresh-ids', '--fresh-times', '--schema-registry-url', registry] : []
  ], stateDir, host, '/livez')
  supervisor.add('play-stream', play)
  await supervisor.check()
  const file: DemoFile = {
    kafka: broker, registry, api: `http://127.0.0.1:${port}`, topics, group, pid: process.pid,
    archive: { alerts: archive.alerts, schemas: archive.schemas },
    ...settings.indexed ? { index: archive.index } : {},
    admin: Object.fromEntries([play, ingest, ...modes].map(({ mode, admin }) => [mode, admin])),
    ...storageEmulator === undefined ? {} : { storageEmulator },
    ...s3 === undefined ? {} : { s3 },
    ...access === undefined ? {} : { security: securitySection(access) }
  }
  supervisor.onStop(() => removeDemoFile(stateDir))
  await writeDemoFile(stateDir, file)
  return { file, play, ingest, loaded, lag, failed: supervisor.failure(), stop: () => supervisor.stop() }
}

/** Waits until all published alerts are archived, the ingester has ended, or the timeout has passed. */
async function untilArchived (lag: () => Promise<number | undefined>, ingest: ModeProcess<unknown>): Promise<void> {
  let ended = false
  void ingest.exited.then(() => { ended = true })
  await waitUntil(async () => ended || await lag() === 0, ARCHIVED_MS, POLL_MS)
}

async function apiPort (wanted: number, print: PrintLine): Promise<number> {
  if (wanted !== 0 && await isPortFree(wanted)) return wanted
  const [free = 0] = await freePorts(1)
  if (wanted !== 0) print(`port ${wanted} is in use; the API uses port ${free}`)
  return free
}
