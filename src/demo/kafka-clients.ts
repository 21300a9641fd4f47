// Connections of the demo's clients to Kafka, in plaintext by default. With --secure, each client has its own user: internal clients
// authenticate by mTLS, external clients such as the smoke test by SCRAM over TLS.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KafkaAccess } from '../devstack/index.ts'
import { kafkaConnection, type KafkaConnection } from '../kafka/connection.ts'
import type { DemoFile, DemoSecurity } from './state-folder.ts'

const CLIENT_ID = 'alert-stream-demo'
/** Users of deploy/acls.json. */
const users = {
  admin: 'kafka-admin', simulator: 'alert-stream-simulator', ingester: 'alert-database-ingester', indexer: 'alert-database-indexer'
} as const
const EXTERNAL_USER = 'rubin-communitybroker-idfint'
type User = keyof typeof users

export interface KafkaClients {
  /** Returns the flags of a mode that connects as `user`. */
  flags (user: User): string[]
  connect (user: User): Promise<KafkaConnection>
}

/** Clients of a Kafka cluster without authentication. */
export function plaintextClients (broker: string): KafkaClients {
  return {
    flags: () => ['--broker', broker],
    connect: async () => await kafkaConnection({ brokers: broker.split(','), auth: 'none', tls: false, clientId: CLIENT_ID })
  }
}

/** Clients of the internal listener of a secured Kafka cluster. */
export function mtlsClients ({ listeners, certificates }: KafkaAccess): KafkaClients {
  return {
    flags: user => {
      const { certificate, key } = certificates.client(users[user])
      return [
        '--broker', listeners.internal, '--kafka-auth-mechanism', 'mtls',
        '--tls-client-crt-location', certificate, '--tls-client-key-location', key, '--tls-server-ca-crt-location', certificates.ca
      ]
    },
    connect: async user => {
      const { certificate, key } = certificates.client(users[user])
      return await kafkaConnection({
        brokers: [listeners.internal], auth: 'mtls', tls: true,
        clientCert: certificate, clientKey: key, serverCa: certificates.ca, clientId: CLIENT_ID
      })
    }
  }
}

/** The `security` section of demo.json. */
export function securitySection ({ listeners, certificates, passwords }: KafkaAccess): DemoSecurity {
  const { internal, plaintext } = listeners
  return { mechanism: 'SCRAM-SHA-512', ca: certificates.ca, passwords, plaintext, internal, certificates: certificates.folder }
}

/** Connects as an external client, with the addresses and credentials that demo.json names. */
export async function connectExternally ({ kafka, security }: DemoFile, clientId: string): Promise<KafkaConnection> {
  const brokers = kafka.split(',')
  if (security === undefined) return await kafkaConnection({ brokers, auth: 'none', tls: false, clientId })
  const password = (await readFile(join(security.passwords, EXTERNAL_USER), 'utf8')).trimEnd()
  return await kafkaConnection({ brokers, auth: 'scram', tls: true, username: EXTERNAL_USER, password, serverCa: security.ca, clientId })
}
