// Validates the Kafka configuration (brokers, authentication mechanism, files) and builds the options for the client library's Producer,
// Consumer and Admin. The credential files are read here, and again for each new connection. Options that are not set are omitted, because
// the library rejects an explicit `undefined`.
import type { X509Certificate } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import type { BaseOptions } from '@platformatic/kafka'
import { silent, type Logger } from '../pipeline/log.ts'
import { PasswordFile, TlsCredentials } from './credentials.ts'
import { kafkaErrors } from './errors.ts'
import { trackConnections, type AuthState } from './connection-diagnostics.ts'

/** Brokers and credentials. Passwords and keys are never logged. */
export interface KafkaConfig {
  /** At least one bootstrap broker, in the form `host:port`. */
  readonly brokers: readonly string[]
  /** `none`: plaintext, or TLS with a server certificate only. `mtls`: client certificate. `scram`: SCRAM-SHA-512. */
  readonly auth: 'none' | 'mtls' | 'scram'
  /** Whether connections use TLS. With `mtls`, connections always use TLS. */
  readonly tls: boolean
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** File with the password in its first line. Ignored if `password` is set. */
  readonly passwordFile?: string | undefined
  /** Paths of PEM files. `mtls` requires all three files. With TLS, `none` and `scram` may set `serverCa`. */
  readonly clientKey?: string | undefined
  readonly clientCert?: string | undefined
  readonly serverCa?: string | undefined
  /** Client id, which brokers use in request logs and quotas. */
  readonly clientId: string
  /** Time in ms for which the rejections of a series are retryable, if any broker has accepted this client before. Default 180,000. */
  readonly graceMs?: number | undefined
}

/** Options for the Producer, Consumer and Admin of the client library, and details for error messages. */
export interface KafkaConnection {
  readonly config: KafkaConfig
  /** Bootstrap brokers, comma-separated, for error messages. */
  readonly brokers: string
  readonly options: BaseOptions
  readonly authState: AuthState
}

/** Default of `graceMs`: Kubernetes updates mounted secrets within two minutes, but a broker may use the new secret at once. */
const GRACE_MS = 180_000

/**
 * Validates the configuration, reads the credential files and builds the client options.
 * Errors: KAFKA_CONFIG (missing or contradictory options), KAFKA_FILE and PASSWORD_FILE (unusable file).
 * @param log logger for later changes of the credential files, and for a warning if a changed file is unusable
 */
export async function kafkaConnection (config: KafkaConfig, log: Logger = silent): Promise<KafkaConnection> {
  const brokers = config.brokers.map(broker => broker.trim()).filter(broker => broker !== '')
  if (brokers.length === 0) throw kafkaErrors.KAFKA_CONFIG('no bootstrap brokers', { hint: 'Set --broker to at least one host:port.' })
  for (const broker of brokers) {
    const port = Number(/^(?:\[[^\]]+\]|[^\s:/]+):(\d{1,5})$/.exec(broker)?.[1])
    if (port > 0 && port < 65_536) continue
    const hint = 'Set --broker to host:port without a scheme, such as localhost:9092.'
    throw kafkaErrors.KAFKA_CONFIG(`broker ${JSON.stringify(broker)} is not host:port`, { hint })
  }
  trackConnections()
  const credentials = tlsCredentials(config, log)
  const authState = authStateOf(config, () => credentials?.certificate)
  const options: BaseOptions = { clientId: config.clientId, bootstrapBrokers: brokers, context: authState }
  if (credentials !== undefined) {
    // The library copies `options.tls` for each connection, so each connection calls the getter and gets the current credentials.
    options.tls = { get secureContext (): SecureContext { return credentials.context } }
    options.tlsServerName = true
  }
  if (config.auth === 'scram') {
    options.sasl = { mechanism: 'SCRAM-SHA-512', username: config.username ?? '', password: passwordOf(config, log) }
  }
  return { config, brokers: brokers.join(','), options, authState }
}

/** Returns a placeholder for describing a graph. The placeholder reads no certificate or password file and cannot connect. */
export function describedConnection (config: KafkaConfig): KafkaConnection {
  const options = { clientId: config.clientId, bootstrapBrokers: [...config.brokers] }
  return { config, brokers: config.brokers.join(','), options, authState: authStateOf(config, () => undefined) }
}

function authStateOf (config: KafkaConfig, certificate: () => X509Certificate | undefined): AuthState {
  const { auth, tls, username, serverCa, clientCert, graceMs = GRACE_MS } = config
  return {
    tls: tls || auth === 'mtls', scram: auth === 'scram', user: username, serverCa, clientCert, graceMs,
    accepted: false, rejections: new Map(),
    get certificate () { return certificate() }
  }
}

function passwordOf ({ username, password, passwordFile }: KafkaConfig, log: Logger): string | (() => string) {
  if (!username) throw kafkaErrors.KAFKA_CONFIG('SCRAM requires a user name', { hint: 'Set --kafka-username.' })
  const hint = 'Set --kafka-password-file or ALERT_STREAM_KAFKA_PASSWORD.'
  if (!password && !passwordFile) throw kafkaErrors.KAFKA_CONFIG('SCRAM requires a password', { hint })
  if (password) return password
  const file = new PasswordFile(passwordFile!, log)
  return () => file.password
}

function tlsCredentials (config: KafkaConfig, log: Logger): TlsCredentials | undefined {
  const { auth, clientKey, clientCert, serverCa } = config
  if (auth === 'mtls') {
    const names = { 'tls-client-key-location': clientKey, 'tls-client-crt-location': clientCert, 'tls-server-ca-crt-location': serverCa }
    const missing = Object.entries(names).filter(([, path]) => !path).map(([name]) => `--${name}`).join(', ')
    const what = 'mTLS requires a client key, a client certificate and a server CA certificate'
    if (missing !== '') throw kafkaErrors.KAFKA_CONFIG(what, { hint: `Set ${missing}.` })
  } else if (clientKey || clientCert) {
    const hint = 'Set --kafka-auth-mechanism mtls, or remove the client key and certificate.'
    throw kafkaErrors.KAFKA_CONFIG(`a client key or certificate is set, but the authentication mechanism is ${auth}`, { hint })
  }
  return auth === 'mtls' || config.tls ? new TlsCredentials({ clientKey, clientCert, serverCa }, log) : undefined
}
