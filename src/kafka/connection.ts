// How the program reaches Kafka: one plain description (brokers, mechanism, files) becomes the options of the client library's Producer,
// Consumer and Admin. Files are read once, here, with an error that names the file; options that are not set are left out, because the
// library refuses an explicit `undefined`.
import { readFile } from 'node:fs/promises'
import type { BaseOptions } from '@platformatic/kafka'
import { messageOf } from '../pipeline/errors.ts'
import { kafkaErrors } from './errors.ts'

/** Where Kafka is and who we are. Secrets are values, never logged; certificates are paths of PEM files. */
export interface KafkaConfig {
  /** `host:port` each; at least one. */
  readonly brokers: readonly string[]
  /** `none`: plaintext, or TLS with a server certificate only. `mtls`: client certificate. `scram`: SCRAM-SHA-512. */
  readonly auth: 'none' | 'mtls' | 'scram'
  /** Encrypt the connection; always on with `mtls`. */
  readonly tls: boolean
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** PEM files. `mtls` needs all three; `none` and `scram` with TLS may name the server's CA. */
  readonly clientKey?: string | undefined
  readonly clientCert?: string | undefined
  readonly serverCa?: string | undefined
  /** Shown in the brokers' logs and quotas. */
  readonly clientId: string
}

/** A connection ready for use: what the library's clients take, and the brokers' names for messages. */
export interface KafkaConnection {
  readonly config: KafkaConfig
  /** Brokers as a user wrote them, comma separated. */
  readonly brokers: string
  readonly options: BaseOptions
}

/**
 * Checks the description, reads the certificate files and makes client options.
 * Errors: KAFKA_CONFIG (what is missing or contradictory), KAFKA_FILE (a file that cannot be read).
 */
export async function kafkaConnection (config: KafkaConfig): Promise<KafkaConnection> {
  const brokers = config.brokers.map(broker => broker.trim()).filter(broker => broker !== '')
  if (brokers.length === 0) throw kafkaErrors.KAFKA_CONFIG('no broker is given', { hint: 'Name at least one broker as host:port.' })
  for (const broker of brokers) {
    const port = Number(/^(?:\[[^\]]+\]|[^\s:/]+):(\d{1,5})$/.exec(broker)?.[1])
    if (!(port > 0 && port < 65_536)) throw kafkaErrors.KAFKA_CONFIG(`broker ${JSON.stringify(broker)} is not host:port`)
  }
  const options: BaseOptions = { clientId: config.clientId, bootstrapBrokers: brokers }
  const tls = await tlsOptions(config)
  if (tls !== undefined) {
    options.tls = tls
    options.tlsServerName = true
  }
  if (config.auth === 'scram') {
    if (!config.username || !config.password) {
      throw kafkaErrors.KAFKA_CONFIG(`SCRAM needs a user name and a password; the ${config.username ? 'password' : 'user name'} is missing`)
    }
    options.sasl = { mechanism: 'SCRAM-SHA-512', username: config.username, password: config.password }
  }
  return { config, brokers: brokers.join(','), options }
}

async function tlsOptions (config: KafkaConfig): Promise<BaseOptions['tls'] | undefined> {
  const { auth, clientKey, clientCert, serverCa } = config
  if (auth === 'mtls') {
    const missing = Object.entries({ 'client key': clientKey, 'client certificate': clientCert, 'server CA certificate': serverCa })
      .filter(([, path]) => !path).map(([name]) => name)
    if (missing.length > 0) throw kafkaErrors.KAFKA_CONFIG(`mTLS needs client key, client certificate and server CA: missing ${missing.join(' and ')}`)
  } else if (clientKey || clientCert) {
    throw kafkaErrors.KAFKA_CONFIG(`a client key or certificate is given, but the mechanism is ${auth}`, { hint: 'Use the mtls mechanism, or leave both out.' })
  }
  if (auth !== 'mtls' && !config.tls) return undefined
  return {
    ...(serverCa ? { ca: await readPem(serverCa, 'server CA certificate') } : {}),
    ...(clientCert ? { cert: await readPem(clientCert, 'client certificate') } : {}),
    ...(clientKey ? { key: await readPem(clientKey, 'client key') } : {})
  }
}

async function readPem (path: string, what: string): Promise<Buffer> {
  try {
    const pem = await readFile(path)
    if (!pem.includes('-----BEGIN ')) throw new Error('it holds no PEM block')
    return pem
  } catch (error) {
    throw kafkaErrors.KAFKA_FILE(`the ${what} cannot be used: ${messageOf(error)}`, { where: path })
  }
}
