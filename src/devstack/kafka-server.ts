// An Apache Kafka node (KRaft, combined broker and controller) on loopback ports, for the demo and the tests.
// Topics, records and committed offsets survive restarts, even if the ports change.
import { randomBytes } from 'node:crypto'
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Admin, type BaseOptions } from '../kafka/client-library.ts'
import { silent, type Logger } from '../pipeline/log.ts'
import { devstackErrors, folderError } from './errors.ts'
import {
  applySecurity, ensureSecrets, secureListeners, securitySettings, superUserOptions,
  type KafkaAccess, type KafkaSecrets, type KafkaSecurity
} from './kafka-security.ts'
import { brokerSettings, type ClusterPlace, type Listener } from './kafka-settings.ts'
import { launchOn, type ServerOptions } from './launch.ts'
import { freePorts, LOOPBACK } from './ports.ts'
import { requireJava } from './prerequisites.ts'
import { ensureKafka } from './server-downloads.ts'
import { startServer, type RunningServer } from './server-process.ts'
import { isDiskFull, runTool, tailOf, type Environment } from './tools.ts'

export interface KafkaOptions extends ServerOptions {
  /** TLS, SCRAM and ACLs; default: one plaintext listener without authentication. */
  readonly security?: KafkaSecurity
  /** Broker settings that override the defaults of `brokerSettings`. */
  readonly config?: Readonly<Record<string, string>>
  /** The cluster of several nodes that this node is a part of, and the cluster's id; default: a cluster of its own. Requires `port`. */
  readonly cluster?: ClusterPlace & { readonly id: string }
}

export interface KafkaServer extends RunningServer {
  /** Bootstrap broker: `127.0.0.1:PORT` without `security`; with it, `localhost:PORT` of the external listener. */
  readonly broker: string
  readonly dataDir: string
  /** Addresses and credentials for clients, if `security` was given. */
  readonly access?: KafkaAccess
}

/**
 * Starts Kafka on `dataDir` and waits until Kafka is ready for clients. The first start formats the folder.
 * Errors: DEVSTACK_PREREQUISITE, DEVSTACK_DOWNLOAD, DEVSTACK_CHECKSUM, DEVSTACK_PORT_IN_USE, DEVSTACK_IN_USE, DEVSTACK_FOLDER,
 * DEVSTACK_DISK_FULL, DEVSTACK_SERVER_DIED, DEVSTACK_SERVER_SILENT.
 */
export async function startKafka (options: KafkaOptions): Promise<KafkaServer> {
  const { dataDir, env, log = silent } = options
  const java = await requireJava(env)
  const jars = await ensureKafka(options)
  const secrets = options.security === undefined ? undefined : await ensureSecrets(options.security)
  // A single node's controller gets a free port even if `port` is given, so a port conflict is retried unless all listeners are set.
  const fixed = options.config?.listeners !== undefined || options.cluster !== undefined
  return await launchOn({ name: 'Kafka', dataDir, port: options.port, fixed, log }, async () => launch(options, secrets, java, jars, log))
}

async function launch (
  options: KafkaOptions, secrets: KafkaSecrets | undefined, java: string, jars: string, log: Logger
): Promise<KafkaServer> {
  const { dataDir, env, cluster } = options
  const properties = join(dataDir, 'server.properties')
  const data = join(dataDir, 'data')
  const { clients, controller } = await listenersOf(options)
  const security = secrets === undefined ? {} : securitySettings(secrets)
  const settings = { ...brokerSettings(clients, controller, data, cluster), ...security, ...options.config }
  try {
    await writeFile(properties, Object.entries(settings).map(([key, value]) => `${key}=${value}\n`).join(''))
  } catch (error) {
    throw folderError(error, dataDir)
  }
  const jvm = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', `${jars}/*`]
  await formatOnce(java, jvm, properties, data, cluster?.id ?? newClusterId(), env)
  const clusterId = /^cluster\.id=(.*)$/m.exec(await readFile(join(data, 'meta.properties'), 'utf8'))?.[1]?.trim()
  const [first, external = first] = clients
  const login = secrets === undefined ? {} : await superUserOptions(secrets)
  const server = await startServer({
    name: 'Kafka',
    program: java,
    args: ['-Xmx512m', ...jvm, 'kafka.Kafka', properties],
    env,
    dataDir,
    logFile: join(dataDir, 'kafka.log'),
    ready: async () => await isReady({ bootstrapBrokers: [`${first.host}:${first.port}`], ...login }, clusterId, cluster?.node ?? 1),
    fatalLog: /Address already in use|No space left on device|Failed to acquire lock on file/,
    readyMs: 90_000,
    log
  })
  const started = { ...server, broker: `${external.host}:${external.port}`, dataDir }
  if (secrets === undefined) return started
  try {
    return { ...started, access: await applySecurity(secrets, Object.fromEntries(clients.map(({ name, port }) => [name, port]))) }
  } catch (error) {
    // A broker with missing or outdated ACLs must not keep running.
    await server.kill()
    throw error
  }
}

async function listenersOf (
  { port, security, cluster }: KafkaOptions
): Promise<{ clients: [Listener, ...Listener[]], controller: Listener }> {
  const plaintext = [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT' as const, host: LOOPBACK }] as const
  const [first, ...others] = security === undefined ? plaintext : secureListeners(security)
  const [controllerPort = 0, firstPort = 0, ...otherPorts] = await freePorts(2 + others.length)
  const ports = security?.ports ?? {}
  return {
    clients: [
      { ...first, port: port ?? ports[first.name.toLowerCase()] ?? firstPort },
      ...others.map((listener, index) => ({ ...listener, port: ports[listener.name.toLowerCase()] ?? otherPorts[index] ?? 0 }))
    ],
    controller: {
      name: 'CONTROLLER',
      protocol: security === undefined ? 'PLAINTEXT' : 'SSL',
      host: LOOPBACK,
      port: cluster?.controllers[cluster.node - 1] ?? controllerPort
    }
  }
}

// Kafka writes meta.properties last, so an interrupted format is repeated.
async function formatOnce (
  java: string, jvm: readonly string[], properties: string, data: string, clusterId: string, env: Environment
): Promise<void> {
  if (await access(join(data, 'meta.properties')).then(() => true, () => false)) return
  const args = ['-Xmx128m', ...jvm, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties]
  const { code, stdout, stderr } = await runTool(java, args, { env })
  if (code === 0) return
  const output = stdout + stderr
  if (isDiskFull(output)) throw devstackErrors.DEVSTACK_DISK_FULL('no space left on the disk', { where: data })
  throw devstackErrors.DEVSTACK_SERVER_DIED(`Kafka cannot format its data folder: ${tailOf(output, 2)}`, { where: data })
}

// A cluster id is 16 random bytes in base64url, as from `kafka-storage.sh random-uuid`. A leading dash would be parsed as an option.
function newClusterId (): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

// The port opens before the broker is registered, so Kafka is ready when the metadata lists the broker.
// The cluster id shows that no other Kafka has taken the port.
async function isReady (
  connection: Pick<BaseOptions, 'bootstrapBrokers' | 'tls' | 'tlsServerName'>, clusterId: string | undefined, node: number
): Promise<boolean> {
  const admin = new Admin({ clientId: 'alert-stream-launcher', ...connection, retries: 0, connectTimeout: 1_000, requestTimeout: 2_000 })
  try {
    const metadata = await admin.metadata({ topics: [], forceUpdate: true })
    return metadata.id === clusterId && metadata.brokers.has(node)
  } catch {
    return false
  } finally {
    await admin.close().catch(() => undefined)
  }
}
