// A real, single-node Apache Kafka (KRaft: broker and controller in one process) on loopback ports, for the demo and the tests.
// Its data folder survives restarts: topics, records and committed offsets are there again, also when the ports have changed.
import { randomBytes } from 'node:crypto'
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Admin } from '@platformatic/kafka'
import { AlertStreamError } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'
import { ensureKafka } from './downloads.ts'
import { devstackErrors, folderError } from './errors.ts'
import { withLock } from './lock.ts'
import { freePorts, isPortFree, LOOPBACK } from './ports.ts'
import { requireJava } from './prerequisites.ts'
import { reclaimFolder, startServer, writableFolder, type RunningServer } from './process.ts'
import { isDiskFull, runTool, tailOf, type Environment, type Progress } from './tools.ts'

export interface KafkaOptions {
  readonly cacheDir: string
  /** Kafka's data; kept. */
  readonly dataDir: string
  /** Default: `kafka.log` in `dataDir`. */
  readonly logFile?: string
  /** A fixed port for clients; a free one where left out. */
  readonly port?: number
  /** Broker settings that replace or extend the ones below. */
  readonly config?: Readonly<Record<string, string>>
  /** Java heap in MiB, default 512. */
  readonly heapMb?: number
  readonly env: Environment
  readonly log?: Logger
  readonly progress?: Progress
}

export interface KafkaServer extends RunningServer {
  /** `127.0.0.1:PORT` */
  readonly broker: string
  readonly dataDir: string
}

/** Alerts with long histories reach a few MB; a batch holds several. */
const MESSAGE_BYTES = 16 * 1024 * 1024
const ATTEMPTS = 3

/**
 * Starts Kafka on `dataDir` (formatted at the first start) and waits until it answers clients.
 * Errors: DEVSTACK_PREREQUISITE, DEVSTACK_DOWNLOAD, DEVSTACK_PORT_IN_USE, DEVSTACK_IN_USE, DEVSTACK_FOLDER, DEVSTACK_DISK_FULL, DEVSTACK_SERVER_DIED.
 */
export async function startKafka (options: KafkaOptions): Promise<KafkaServer> {
  const { dataDir, env, log = silent } = options
  const java = await requireJava(env)
  const jars = await ensureKafka(options)
  await writableFolder(dataDir)
  return await withLock(join(dataDir, 'start.lock'), async () => {
    await reclaimFolder(dataDir, log)
    if (options.port !== undefined && !await isPortFree(options.port)) {
      throw devstackErrors.DEVSTACK_PORT_IN_USE('Kafka\'s port is taken', { where: `${LOOPBACK}:${options.port}` })
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await launch(options, java, jars, log)
      } catch (error) {
        // Between finding a port free and Kafka's binding it, somebody else may have come first.
        const taken = error instanceof AlertStreamError && error.code === 'DEVSTACK_PORT_IN_USE'
        const chosen = options.port !== undefined || options.config?.listeners !== undefined
        if (!taken || chosen || attempt === ATTEMPTS) throw error
      }
    }
  })
}

async function launch (options: KafkaOptions, java: string, jars: string, log: Logger): Promise<KafkaServer> {
  const { dataDir, env, heapMb = 512 } = options
  const [free = 0, controller = 0] = await freePorts(2)
  const port = options.port ?? free
  const properties = join(dataDir, 'server.properties')
  const data = join(dataDir, 'data')
  const settings = { ...brokerSettings(port, controller, data), ...options.config }
  try {
    await writeFile(properties, Object.entries(settings).map(([key, value]) => `${key}=${value}\n`).join(''))
  } catch (error) {
    throw folderError(error, dataDir)
  }
  const jvm = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', `${jars}/*`]
  await formatOnce(java, jvm, properties, data, env)
  const cluster = await clusterOf(data)
  const broker = `${LOOPBACK}:${port}`
  const server = await startServer({
    name: 'Kafka',
    program: java,
    args: [`-Xmx${heapMb}m`, ...jvm, 'kafka.Kafka', properties],
    env,
    dataDir,
    logFile: options.logFile ?? join(dataDir, 'kafka.log'),
    ready: async () => await answers(broker, cluster),
    hopeless: /Address already in use|No space left on device|Failed to acquire lock on file/,
    readyMs: 90_000,
    log
  })
  return { ...server, broker, dataDir }
}

function brokerSettings (port: number, controller: number, data: string): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${LOOPBACK}:${controller}`,
    listeners: `PLAINTEXT://${LOOPBACK}:${port},CONTROLLER://${LOOPBACK}:${controller}`,
    'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'num.partitions': '4',
    // One node holds every copy there is.
    'default.replication.factor': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // After SIGKILL a start must wait until the broker's earlier life has timed out (default 9 s).
    'broker.session.timeout.ms': '4000',
    'broker.heartbeat.interval.ms': '500',
    // A group of one starts at once instead of waiting 3 s for others.
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'message.max.bytes': String(MESSAGE_BYTES),
    'replica.fetch.max.bytes': String(MESSAGE_BYTES),
    // Retention of minutes (the demo's replayed topic) takes effect within seconds; small segments, as only whole ones are removed.
    'log.retention.hours': '168',
    'log.retention.check.interval.ms': '5000',
    'log.initial.task.delay.ms': '1000',
    'log.segment.delete.delay.ms': '1000',
    'log.segment.bytes': String(128 * 1024 * 1024),
    // The default buffer takes a quarter of this heap, for compacting a handful of offsets.
    'log.cleaner.dedupe.buffer.size': String(8 * 1024 * 1024),
    'num.network.threads': '2',
    'num.io.threads': '4'
  }
}

// Kafka writes meta.properties last, so a format that was interrupted is done again.
async function formatOnce (java: string, jvm: readonly string[], properties: string, data: string, env: Environment): Promise<void> {
  if (await access(join(data, 'meta.properties')).then(() => true, () => false)) return
  const args = ['-Xmx128m', ...jvm, 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', properties]
  const { code, stdout, stderr } = await runTool(java, args, { env })
  if (code === 0) return
  const output = stdout + stderr
  if (isDiskFull(output)) throw devstackErrors.DEVSTACK_DISK_FULL('no space is left on the disk', { where: data })
  throw devstackErrors.DEVSTACK_SERVER_DIED(`Kafka could not format its data folder: ${tailOf(output, 2)}`, { where: data })
}

// 16 bytes in base64url, as Kafka's own tool makes them; a leading dash would read as an option.
function clusterId (): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

async function clusterOf (data: string): Promise<string | undefined> {
  const text = await readFile(join(data, 'meta.properties'), 'utf8')
  return /^cluster\.id=(.*)$/m.exec(text)?.[1]?.trim()
}

// The port opens before the broker has joined its own cluster; only then is it listed in the metadata. The cluster's id tells it from a
// stranger's Kafka that was faster to take the port.
async function answers (broker: string, cluster: string | undefined): Promise<boolean> {
  const admin = new Admin({ clientId: 'alert-stream-launcher', bootstrapBrokers: [broker], retries: 0, connectTimeout: 1_000, requestTimeout: 2_000 })
  try {
    const metadata = await admin.metadata({ topics: [], forceUpdate: true })
    return metadata.id === cluster && metadata.brokers.size > 0
  } catch {
    return false
  } finally {
    await admin.close().catch(() => undefined)
  }
}
