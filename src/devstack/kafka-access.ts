// The closed doors of a Kafka on this machine: mutual TLS inside, SCRAM-SHA-512 over TLS outside, rules for every user, nobody anonymous. The
// broker's way to itself and to its controller is mutual TLS too, as a super user of its own. Certificates and passwords are kept in a folder.
import { Admin, type BaseOptions } from '@platformatic/kafka'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { applyAcls, applyPasswords, principalOf, type AclTable } from './acls.ts'
import { ensureCertificates, type CertificateFolder } from './certificates.ts'
import type { Listener } from './kafka-settings.ts'
import { LOOPBACK } from './ports.ts'
import { ensurePasswords } from './secrets.ts'

export interface KafkaSecurity {
  /** Holds `certificates/` and `passwords/`; made where missing, kept. */
  readonly folder: string
  readonly table: AclTable
  /** More listeners, by name; their settings are those of Kafka without `listener.name.NAME.` */
  readonly more?: Readonly<Record<string, { readonly protocol: Listener['protocol'], readonly settings?: Readonly<Record<string, string>> }>> | undefined
  /** Fixed ports by a listener's name; free ones where left out. */
  readonly ports?: Readonly<Record<string, number>> | undefined
}

/** How to come in. */
export interface KafkaAccess {
  /** `localhost:PORT` by listener: `internal` (mutual TLS), `external` (SCRAM over TLS), and those added. */
  readonly listeners: Readonly<Record<string, string>> & { readonly internal: string, readonly external: string }
  readonly certificates: CertificateFolder
  /** One file for each user of SCRAM, named as the user. */
  readonly passwords: string
}

export const BROKER_USER = 'kafka-broker'
const HOST = 'localhost'
const SCRAM = 'SCRAM-SHA-512'

/** What the folder holds: enough to write the broker's settings. */
export interface Keys {
  readonly security: KafkaSecurity
  readonly certificates: CertificateFolder
  readonly passwords: ReadonlyMap<string, string>
}

/** Makes what is missing. Errors: DEVSTACK_FOLDER, DEVSTACK_DISK_FULL. */
export async function ensureKeys (security: KafkaSecurity): Promise<Keys> {
  const everybody = [...security.table.superUsers, ...security.table.users]
  const named = (authentication: string): string[] => everybody.filter(user => user.authentication === authentication).map(({ name }) => name)
  return {
    security,
    certificates: await ensureCertificates(join(security.folder, 'certificates'), { server: BROKER_USER, hosts: [HOST, LOOPBACK], clients: named('tls') }),
    passwords: await ensurePasswords(join(security.folder, 'passwords'), named('scram-sha-512'))
  }
}

/** Names and protocols of the listeners for clients, the broker's own first. */
export function secureListeners ({ more = {} }: KafkaSecurity): [Omit<Listener, 'port'>, ...Array<Omit<Listener, 'port'>>] {
  return [
    { name: 'INTERNAL', protocol: 'SSL', host: HOST },
    { name: 'EXTERNAL', protocol: 'SASL_SSL', host: HOST },
    ...Object.entries(more).map(([name, { protocol }]) => ({ name: name.toUpperCase(), protocol, host: HOST }))
  ]
}

/** What makes the listeners secure. */
export function securitySettings ({ security, certificates }: Keys): Record<string, string> {
  const below = (name: string, settings: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(settings).map(([key, value]) => [`listener.name.${name}.${key}`, value]))
  const scram = { 'scram-sha-512.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;' }
  const everybody = [{ name: BROKER_USER, authentication: 'tls' as const }, ...security.table.superUsers]
  const settings = {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': certificates.server,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': certificates.ca,
    'sasl.enabled.mechanisms': SCRAM,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'false',
    'super.users': everybody.map(principalOf).join(';'),
    ...below('internal', { 'ssl.client.auth': 'required' }),
    ...below('controller', { 'ssl.client.auth': 'required' }),
    ...below('external', scram)
  }
  for (const [name, { protocol, settings: own = {} }] of Object.entries(security.more ?? {})) {
    Object.assign(settings, below(name.toLowerCase(), { ...(protocol.startsWith('SASL') ? scram : {}), ...own }))
  }
  return settings
}

/** Client options of the first super user, over mutual TLS. */
export async function adminOptions ({ security, certificates }: Keys): Promise<Pick<BaseOptions, 'tls' | 'tlsServerName'>> {
  const admin = security.table.superUsers.find(({ authentication }) => authentication === 'tls')
  if (admin === undefined) throw new Error('the table has no super user with a certificate')
  const files = certificates.client(admin.name)
  const [ca, cert, key] = await Promise.all([certificates.ca, files.certificate, files.key].map(async path => await readFile(path)))
  return { tls: { ca, cert, key }, tlsServerName: true }
}

/** Puts rules and passwords into a Kafka that runs; returns when it goes by them. */
export async function applyAccess (keys: Keys, ports: Readonly<Record<string, number>>): Promise<KafkaAccess> {
  const { security, certificates, passwords } = keys
  const listeners = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name.toLowerCase(), `${HOST}:${port}`])) as KafkaAccess['listeners']
  const tls = await adminOptions(keys)
  const admin = new Admin({ clientId: 'alert-stream-launcher', bootstrapBrokers: [listeners.internal], retries: 3, ...tls })
  try {
    await applyAcls(admin, security.table)
    await applyPasswords(admin, passwords, async (username, password) => {
      const user = new Admin({
        clientId: 'alert-stream-launcher', bootstrapBrokers: [listeners.external], retries: 0,
        tls: { ca: tls.tls!.ca }, tlsServerName: true, sasl: { mechanism: SCRAM, username, password }
      })
      try {
        return (await user.metadata({ topics: [] })).brokers.size > 0
      } catch {
        return false
      } finally {
        await user.close().catch(() => undefined)
      }
    })
  } finally {
    await admin.close().catch(() => undefined)
  }
  return { listeners, certificates, passwords: join(security.folder, 'passwords') }
}
