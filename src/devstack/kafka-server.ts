// A real, single-node Apache Kafka (KRaft: broker and controller in one process) on loopback ports, for the demo and the tests.
// Its data folder survives restarts: topics, records and committed offsets are there again, also when the ports have changed.
import { randomBytes } from 'node:crypto'
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Admin, type BaseOptions } from '@platformatic/kafka'
import { silent, type Logger } from '../pipeline/log.ts'
import { ensureKafka } from './downloads.ts'
import { devstackErrors, folderError } from './errors.ts'
import { adminOptions, applyAccess, ensureKeys, secureListeners, securitySettings, type KafkaAccess, type KafkaSecurity, type Keys } from './kafka-access.ts'
import { brokerSettings, type Listener } from './kafka-settings.ts'
import { launchOn } from './launch.ts'
import { freePorts, LOOPBACK } from './ports.ts'
import { requireJava } from './prerequisites.ts'
import { startServer, writableFolder, type RunningServer } from './process.ts'
import { isDiskFull, runTool, tailOf, type Environment, type Progress } from './tools.ts'

export interface KafkaOptions {
  readonly cacheDir: string
  /** Kafka's data; kept. */
  readonly dataDir: string
  /** Default: `kafka.log` in `dataDir`. */
  readonly logFile?: string
  /** A fixed port for clients; a free one where left out. */
  readonly port?: number
  /** TLS, SCRAM and rules for each user, instead of one listener that is open to everybody on this machine. */
  readonly security?: KafkaSecurity
  /** Broker settings that replace or extend the ones below. */
  readonly config?: Readonly<Record<string, string>>
  /** Java heap in MiB, default 512. */
  readonly heapMb?: number
  readonly env: Environment
  readonly log?: Logger
  readonly progress?: Progress
}

export interface KafkaServer extends RunningServer {
  /** Where clients begin: `127.0.0.1:PORT`, with security the external listener `localhost:PORT`. */
  readonly broker: string
  readonly dataDir: string
  /** Only with security. */
  readonly access?: KafkaAccess
}


/**
 * Starts Kafka on `dataDir` (formatted at the first start) and waits until it answers clients.
 * Errors: DEVSTACK_PREREQUISITE, DEVSTACK_DOWNLOAD, DEVSTACK_PORT_IN_USE, DEVSTACK_IN_USE, DEVSTACK_FOLDER, DEVSTACK_DISK_FULL, DEVSTACK_SERVER_DIED.
 */
export async function startKafka (options: KafkaOptions): Promise<KafkaServer> {
  const { dataDir, env, log = silent } = options
  const java = await requireJava(env)
  const jars = await ensureKafka(options)
  await writableFolder(dataDir)
  const keys = options.security === undefined ? undefined : await ensureKeys(options.security)
  // The controller's port is a free one also where those for clients are given: it may be taken meanwhile, so another try helps there too.
  const fixed = options.config?.listeners !== undefined
  return await launchOn({ name: 'Kafka', dataDir, port: options.port, fixed, log }, async () => await launch(options, keys, java, jars, log))
}

async function launch (options: KafkaOptions, keys: Keys | undefined, java: string, jars: string, log: Logger): Promise<KafkaServer> {
  const { dataDir, env, heapMb = 512 } = options
  const properties = join(dataDir, 'server.properties')
  const data = join(dataDir, 'data')
  const { clients, controller } = await listenersOf(options)
  const settings = { ...brokerSettings(clients, controller, data), ...(keys === undefined ? {} : securitySettings(keys)), ...options.config }
  try {
    await writeFile(properties, Object.entries(settings).map(([key, value]) => `${key}=${value}\n`).join(''))
  } catch (error) {
    throw folderError(error, dataDir)
  }
  const jvm = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', `${jars}/*`]
  await formatOnce(java, jvm, properties, data, env)
  const cluster = await clusterOf(data)
  const [first, outside = first] = clients
  const login = keys === undefined ? {} : await adminOptions(keys)
  const server = await startServer({
    name: 'Kafka',
    program: java,
    args: [`-Xmx${heapMb}m`, ...jvm, 'kafka.Kafka', properties],
    env,
    dataDir,
    logFile: options.logFile ?? join(dataDir, 'kafka.log'),
    ready: async () => await answers({ bootstrapBrokers: [`${first.host}:${first.port}`], ...login }, cluster),
    hopeless: /Address already in use|No space left on device|Failed to acquire lock on file/,
    readyMs: 90_000,
    log
  })
  const started = { ...server, broker: `${outside.host}:${outside.port}`, dataDir }
  if (keys === undefined) return started
  try {
    return { ...started, access: await applyAccess(keys, Object.fromEntries(clients.map(({ name, port }) => [name, port]))) }
  } catch (error) {
    // Without its rules it would let in nobody, or somebody that it should not.
    await server.kill()
    throw error
  }
}

async function listenersOf ({ port, security }: KafkaOptions): Promise<{ readonly clients: [Listener, ...Listener[]], readonly controller: Listener }> {
  const [first, ...others] = security === undefined ? [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT' as const, host: LOOPBACK }] : secureListeners(security)
  const [own = 0, free = 0, ...frees] = await freePorts(2 + others.length)
  const ports = security?.ports ?? {}
  return {
    clients: [
      { ...first, port: port ?? ports[first.name.toLowerCase()] ?? free },
      ...others.map((listener, index) => ({ ...listener, port: ports[listener.name.toLowerCase()] ?? frees[index] ?? 0 }))
    ],
    controller: { name: 'CONTROLLER', protocol: security === undefined ? 'PLAINTEXT' : 'SSL', host: LOOPBACK, port: own }
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
async function answers (at: Pick<BaseOptions, 'bootstrapBrokers' | 'tls' | 'tlsServerName'>, cluster: string | undefined): Promise<boolean> {
  const admin = new Admin({ clientId: 'alert-stream-launcher', ...at, retries: 0, connectTimeout: 1_000, requestTimeout: 2_000 })
  try {
    const metadata = await admin.metadata({ topics: [], forceUpdate: true })
    return metadata.id === cluster && metadata.brokers.size > 0
  } catch {
    return false
  } finally {
    await admin.close().catch(() => undefined)
  }
}
