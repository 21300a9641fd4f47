// How the demo's parts come to Kafka: through a door that is open to everybody on this machine, or, with --secure, each with a certificate of
// its own; and how a client from outside does.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KafkaAccess } from '../devstack/index.ts'
import { kafkaConnection, type KafkaConnection } from '../kafka/connection.ts'
import type { DemoFile, DemoSecurity } from './state.ts'

/** Names of deploy/acls.json. */
export const users = { admin: 'kafka-admin', simulator: 'alert-stream-simulator', ingester: 'alert-database-ingester', outside: 'rubin-communitybroker-idfint' } as const
type Insider = Exclude<keyof typeof users, 'outside'>

export interface Door {
  /** What a mode needs to come in as that user. */
  flags (as: Insider): string[]
  connect (as: Insider): Promise<KafkaConnection>
}

export function openDoor (broker: string): Door {
  return {
    flags: () => ['--broker', broker],
    connect: async () => await kafkaConnection({ brokers: broker.split(','), auth: 'none', tls: false, clientId: 'alert-stream-demo' })
  }
}

export function lockedDoor ({ listeners, certificates }: KafkaAccess): Door {
  return {
    flags: as => {
      const { certificate, key } = certificates.client(users[as])
      return [
        '--broker', listeners.internal, '--kafka-auth-mechanism', 'mtls',
        '--tls-client-crt-location', certificate, '--tls-client-key-location', key, '--tls-server-ca-crt-location', certificates.ca
      ]
    },
    connect: async as => {
      const { certificate, key } = certificates.client(users[as])
      return await kafkaConnection({
        brokers: [listeners.internal], auth: 'mtls', tls: true, clientCert: certificate, clientKey: key, serverCa: certificates.ca, clientId: 'alert-stream-demo'
      })
    }
  }
}

/** What demo.json says of it. */
export function securityOf ({ listeners, certificates, passwords }: KafkaAccess): DemoSecurity {
  return { mechanism: 'SCRAM-SHA-512', ca: certificates.ca, passwords, internal: listeners.internal, certificates: certificates.folder }
}

/** Comes in as a client from outside does, by what demo.json says. */
export async function connectFromOutside ({ kafka, security }: DemoFile, clientId: string): Promise<KafkaConnection> {
  const brokers = kafka.split(',')
  if (security === undefined) return await kafkaConnection({ brokers, auth: 'none', tls: false, clientId })
  const password = (await readFile(join(security.passwords, users.outside), 'utf8')).trimEnd()
  return await kafkaConnection({ brokers, auth: 'scram', tls: true, username: users.outside, password, serverCa: security.ca, clientId })
}
