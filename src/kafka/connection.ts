// How the program reaches Kafka: one plain description (brokers, mechanism, files) becomes the options of the client library's Producer,
// Consumer and Admin. Files are read here for the first time, with an error that names the file, and again for each connection that is made.
// Options that are not set are left out, because the library refuses an explicit `undefined`.
import type { X509Certificate } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import type { BaseOptions } from '@platformatic/kafka'
import { silent, type Logger } from '../pipeline/log.ts'
import { PasswordFile, TlsCredentials } from './credentials.ts'
import { kafkaErrors } from './errors.ts'
import { watchConnections, type WayIn } from './connection-diagnostics.ts'

/** Where Kafka is and who we are. Secrets are values or files, never logged; certificates are paths of PEM files. */
export interface KafkaConfig {
  /** `host:port` each; at least one. */
  readonly brokers: readonly string[]
  /** `none`: plaintext, or TLS with a server certificate only. `mtls`: client certificate. `scram`: SCRAM-SHA-512. */
  readonly auth: 'none' | 'mtls' | 'scram'
  /** Encrypt the connection; always on with `mtls`. */
  readonly tls: boolean
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** A file whose first line is the password; not read where `password` is given. */
  readonly passwordFile?: string | undefined
  /** PEM files. `mtls` needs all three; `none` and `scram` with TLS may name the server's CA. */
  readonly clientKey?: string | undefined
  readonly clientCert?: string | undefined
  readonly serverCa?: string | undefined
  /** Shown in the brokers' logs and quotas. */
  readonly clientId: string
  /** How long brokers that let us in before may refuse us, in ms, while secrets are replaced. Default 180,000. */
  readonly graceMs?: number | undefined
}

/** A connection ready for use: what the library's clients take, and the brokers' names for messages. */
export interface KafkaConnection {
  readonly config: KafkaConfig
  /** Brokers as a user wrote them, comma separated. */
  readonly brokers: string
  readonly options: BaseOptions
  /** How it has gone with the brokers. */
  readonly way: WayIn
}

/** A pod's files follow its secret within two minutes, a broker may know of a new one at once. */
const GRACE_MS = 180_000

/**
 * Checks the description, reads the files and makes client options.
 * Errors: KAFKA_CONFIG (what is missing or contradictory), KAFKA_FILE and PASSWORD_FILE (a file that cannot be used).
 * @param log is told when files change later, or cannot be used then
 */
export async function kafkaConnection (config: KafkaConfig, log: Logger = silent): Promise<KafkaConnection> {
  const brokers = config.brokers.map(broker => broker.trim()).filter(broker => broker !== '')
  if (brokers.length === 0) throw kafkaErrors.KAFKA_CONFIG('no broker is given', { hint: 'Name at least one broker as host:port.' })
  for (const broker of brokers) {
    const port = Number(/^(?:\[[^\]]+\]|[^\s:/]+):(\d{1,5})$/.exec(broker)?.[1])
    if (!(port > 0 && port < 65_536)) throw kafkaErrors.KAFKA_CONFIG(`broker ${JSON.stringify(broker)} is not host:port`)
  }
  watchConnections()
  const credentials = tlsCredentials(config, log)
  const way = wayIn(config, () => credentials?.own)
  const options: BaseOptions = { clientId: config.clientId, bootstrapBrokers: brokers, context: way }
  if (credentials !== undefined) {
    // The library copies these at each connection: what is asked for then are the files as they are then.
    options.tls = { get secureContext (): SecureContext { return credentials.context } }
    options.tlsServerName = true
  }
  if (config.auth === 'scram') options.sasl = { mechanism: 'SCRAM-SHA-512', username: config.username ?? '', password: passwordOf(config, log) }
  return { config, brokers: brokers.join(','), options, way }
}

/** A connection that only describes: nothing is read, nothing can connect. */
export function describedConnection (config: KafkaConfig): KafkaConnection {
  return { config, brokers: config.brokers.join(','), options: { clientId: config.clientId, bootstrapBrokers: [...config.brokers] }, way: wayIn(config, () => undefined) }
}

function wayIn ({ auth, tls, username, serverCa, clientCert, graceMs = GRACE_MS }: KafkaConfig, own: () => X509Certificate | undefined): WayIn {
  return {
    tls: tls || auth === 'mtls', scram: auth === 'scram', user: username, serverCa, clientCert, entered: false, refusals: new Map(), graceMs,
    get own () { return own() }
  }
}

function passwordOf ({ username, password, passwordFile }: KafkaConfig, log: Logger): string | (() => string) {
  const missing = [...(username ? [] : ['user name']), ...(password || passwordFile ? [] : ['password'])]
  if (missing.length > 0) throw kafkaErrors.KAFKA_CONFIG(`SCRAM needs a user name and a password; the ${missing.join(' and the ')} is missing`)
  if (password) return password
  const file = new PasswordFile(passwordFile!, log)
  return () => file.password
}

function tlsCredentials (config: KafkaConfig, log: Logger): TlsCredentials | undefined {
  const { auth, clientKey, clientCert, serverCa } = config
  if (auth === 'mtls') {
    const missing = Object.entries({ 'client key': clientKey, 'client certificate': clientCert, 'server CA certificate': serverCa })
      .filter(([, path]) => !path).map(([name]) => name)
    if (missing.length > 0) throw kafkaErrors.KAFKA_CONFIG(`mTLS needs client key, client certificate and server CA: missing ${missing.join(' and ')}`)
  } else if (clientKey || clientCert) {
    throw kafkaErrors.KAFKA_CONFIG(`a client key or certificate is given, but the mechanism is ${auth}`, { hint: 'Use the mtls mechanism, or leave both out.' })
  }
  return auth === 'mtls' || config.tls ? new TlsCredentials({ clientKey, clientCert, serverCa }, log) : undefined
}
