// The demo's system, part by part in the order in which they depend on each other, and the way back: simulator first, then the ingester when
// it has archived all, then the API, then the servers. Whatever fails on the way up, all that runs already is stopped again.
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts, isPortFree } from '../devstack/index.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import type { Host } from '../program/mode.ts'
import syncSchema from '../modes/sync-schema.ts'
import { startArchive } from './archive.ts'
import { startMode, whenItDies, type ModeProcess } from './child-processes.ts'
import { lockedDoor, openDoor, securityOf } from './kafka-access.ts'
import { generatedFile, load, runHere, type Say } from './load.ts'
import { keepEnough } from './retention.ts'
import { startServers } from './servers.ts'
import { group, partitions, topics, type Settings } from './settings.ts'
import { removeDemoFile, writeDemoFile, type DemoFile } from './state.ts'
import type { IngestStats, PlayStats, Watched } from './visits.ts'

export interface DemoSystem extends Watched {
  readonly file: DemoFile
  readonly play: ModeProcess<PlayStats>
  readonly ingest: ModeProcess<IngestStats>
  /** Alerts of one pass: what the static topic holds. */
  readonly loaded: number
  /** Rejects when a part ends although nobody stopped it. */
  readonly failed: Promise<never>
  /** Removes demo.json and stops everything in order; may be called again. */
  stop (): Promise<void>
}

const DRAIN_MS = 30_000
/** Where a part has died, the others may wait for it in vain. */
const BROKEN_MS = 5_000
const POLL_MS = 200

export async function startSystem (settings: Settings, host: Host, say: Say): Promise<DemoSystem> {
  const { config, stateDir } = settings
  const undo: (() => Promise<unknown>)[] = []
  const deaths: Promise<never>[] = []
  let stopping = false
  let broken = false
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping = true
    stopped ??= (async () => { for (const step of undo.reverse()) await step().catch((error: unknown) => host.log.warn({ error: String(error) }, 'a part did not stop cleanly')) })()
    return stopped
  }
  const watch = (name: string, server: Parameters<typeof whenItDies>[1]): void => {
    const death = whenItDies(name, server, () => stopping)
    death.catch(() => { broken = true })
    deaths.push(death)
  }
  const grace = (): number => broken ? BROKEN_MS : DRAIN_MS
  // Between two steps: a stop that was asked for meanwhile must not start the next one; a part that died meanwhile ends it too.
  const goOn = async (): Promise<void> => {
    host.stop.throwIfAborted()
    await Promise.race([...deaths, sleep(0)])
  }
  try {
    const { broker, access, registry, running } = await startServers(settings, host, say)
    for (const { server } of running) undo.push(() => server.stop())
    for (const { name, server } of running) watch(name, server)
    const door = access === undefined ? openDoor(broker) : lockedDoor(access)
    await goOn()
    const visitFile = config.file ?? await generatedFile(settings, host, say)
    await goOn()
    say('schema registry: the newest alert schema')
    await runHere(syncSchema, ['--schema-registry-url', registry, '--cache-dir', host.cacheDir], host, say)
    await goOn()
    const loaded = await load(settings, door, registry, visitFile, host, say)
    await goOn()

    const connection = await door.connect('admin')
    const admin = new KafkaAdmin(connection)
    undo.push(() => admin.close())
    await keepEnough(admin, connection, topics.simulated, settings.simulatedBytes, host.log)
    const lag = async (): Promise<number | undefined> => {
      try {
        return Number((await admin.groupLag(group, [topics.simulated])).get(topics.simulated))
      } catch {
        return undefined
      }
    }

    const archive = await startArchive(settings, host, say)
    const { emulator } = archive
    if (emulator !== undefined) {
      undo.push(() => emulator.stop())
      watch('the storage emulator', emulator)
    }
    await goOn()
    const stores = ['--alert-store', archive.alerts, '--schema-store', archive.schemas]
    const nearStores: Host = { ...host, environment: archive.environment }
    const ingest = await startMode<IngestStats>('ingest', [
      ...door.flags('ingester'), '--topic', topics.simulated, '--group', group, '--group-instance-id', 'demo', '--wait-for-topic',
      '--schema-registry-url', registry, ...stores, '--dead-letter-topic', topics.deadLetters
    ], stateDir, nearStores, '/livez')
    undo.push(() => ingest.stop(grace()))
    watch('ingest', ingest)
    await goOn()
    const port = await apiPort(config.port, say)
    const serve = await startMode<object>('serve', [...stores, '--listen-port', String(port)], stateDir, nearStores, '/readyz')
    undo.push(() => serve.stop(grace()))
    watch('serve', serve)
    await goOn()
    const play = await startMode<PlayStats>('play-stream', [
      ...door.flags('simulator'), '--src-topic', topics.static, '--dst-topic', topics.simulated, '--repeat-interval', String(settings.intervalSeconds < 0 ? 86_400 : settings.intervalSeconds),
      '--create-dst-topic', '--dst-topic-partitions', String(partitions), '--dst-topic-retention-bytes', String(settings.simulatedBytes),
      ...config.fresh ? ['--fresh-ids', '--fresh-times', '--schema-registry-url', registry] : []
    ], stateDir, host, '/livez')
    undo.push(async () => {
      await play.stop(grace())
      if (!broken) await archived(lag, ingest)
    })
    watch('play-stream', play)
    await goOn()
    const file: DemoFile = {
      kafka: broker, registry, api: `http://127.0.0.1:${port}`, archive: { alerts: archive.alerts, schemas: archive.schemas }, topics, group, pid: process.pid,
      admin: Object.fromEntries([play, ingest, serve].map(({ mode, admin }) => [mode, admin])),
      ...(emulator === undefined ? {} : { storageEmulator: emulator.url }),
      ...(access === undefined ? {} : { security: securityOf(access) })
    }
    undo.push(() => removeDemoFile(stateDir))
    await writeDemoFile(stateDir, file)
    const failed = Promise.race(deaths)
    failed.catch(() => {})
    return { file, play, ingest, loaded, lag, failed, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What a drain waits for: everything that was published is in the archive. */
async function archived (lag: () => Promise<number | undefined>, ingest: ModeProcess<unknown>): Promise<void> {
  let gone = false
  void ingest.exited.then(() => { gone = true })
  for (const deadline = Date.now() + DRAIN_MS; !gone && Date.now() < deadline;) {
    if (await lag() === 0) return
    await sleep(POLL_MS)
  }
}

async function apiPort (wanted: number, say: Say): Promise<number> {
  if (wanted !== 0 && await isPortFree(wanted)) return wanted
  const [free = 0] = await freePorts(1)
  if (wanted !== 0) say(`port ${wanted} is in use: the API takes ${free}`)
  return free
}
