// Security of a local Kafka: mTLS on the internal listener, SCRAM-SHA-512 over TLS on the external listener, ACLs for every user.
// The broker and its controller authenticate to each other with mTLS too. Certificates and passwords are kept in a folder.
import { Admin, type BaseOptions } from '../kafka/client-library.ts'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { applyAcls, applyPasswords, principalOf, type AclTable } from './acls.ts'
import { ensureCertificates, type CertificateFolder } from './certificates.ts'
import type { Listener } from './kafka-settings.ts'
import { ensurePasswords } from './passwords.ts'
import { LOOPBACK } from './ports.ts'

export interface KafkaSecurity {
  /** Folder with `certificates/` and `passwords/`. Missing files are created, and existing files are kept. */
  readonly folder: string
  readonly table: AclTable
  /** Additional listeners by name. `settings` are Kafka listener settings without the prefix `listener.name.NAME.` */
  readonly more?: Readonly<Record<string, ExtraListener>> | undefined
  /** Fixed ports by listener name; default: free ports. */
  readonly ports?: Readonly<Record<string, number>> | undefined
}

interface ExtraListener {
  readonly protocol: Listener['protocol']
  readonly settings?: Readonly<Record<string, string>>
}

/** Addresses and credentials for clients. */
export interface KafkaAccess {
  /** `localhost:PORT` by listener: `internal` (mTLS), `external` (SCRAM over TLS), and additional listeners. */
  readonly listeners: Readonly<Record<string, string>> & { readonly internal: string, readonly external: string }
  readonly certificates: CertificateFolder
  /** Folder with one password file per SCRAM user, named after the user. */
  readonly passwords: string
}

const BROKER_USER = 'kafka-broker'
const HOST = 'localhost'
const SCRAM = 'SCRAM-SHA-512'

export interface KafkaSecrets {
  readonly security: KafkaSecurity
  readonly certificates: CertificateFolder
  readonly passwords: ReadonlyMap<string, string>
}

/** Creates missing certificates and passwords. Errors: DEVSTACK_FOLDER, DEVSTACK_DISK_FULL. */
export async function ensureSecrets (security: KafkaSecurity): Promise<KafkaSecrets> {
  const users = [...security.table.superUsers, ...security.table.users]
  const named = (authentication: string): string[] => users.filter(user => user.authentication === authentication).map(({ name }) => name)
  const certificates = { server: BROKER_USER, hosts: [HOST, LOOPBACK], clients: named('tls') }
  return {
    security,
    certificates: await ensureCertificates(join(security.folder, 'certificates'), certificates),
    passwords: await ensurePasswords(join(security.folder, 'passwords'), named('scram-sha-512'))
  }
}

/** Listeners of the broker, without ports. Brokers and internal clients use the first listener. */
export function secureListeners ({ more = {} }: KafkaSecurity): [Omit<Listener, 'port'>, ...Array<Omit<Listener, 'port'>>] {
  return [
    { name: 'INTERNAL', protocol: 'SSL', host: HOST },
    { name: 'EXTERNAL', protocol: 'SASL_SSL', host: HOST },
    ...Object.entries(more).map(([name, { protocol }]) => ({ name: name.toUpperCase(), protocol, host: HOST }))
  ]
}

export function securitySettings ({ security, certificates }: KafkaSecrets): Record<string, string> {
  const listenerSettings = (name: string, settings: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(settings).map(([key, value]) => [`listener.name.${name}.${key}`, value]))
  const scram = { 'scram-sha-512.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;' }
  const superUsers = [{ name: BROKER_USER, authentication: 'tls' as const }, ...security.table.superUsers]
  const settings = {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': certificates.server,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': certificates.ca,
    'sasl.enabled.mechanisms': SCRAM,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'false',
    'super.users': superUsers.map(principalOf).join(';'),
    ...listenerSettings('internal', { 'ssl.client.auth': 'required' }),
    ...listenerSettings('controller', { 'ssl.client.auth': 'required' }),
    ...listenerSettings('external', scram)
  }
  for (const [name, { protocol, settings: extra = {} }] of Object.entries(security.more ?? {})) {
    Object.assign(settings, listenerSettings(name.toLowerCase(), { ...(protocol.startsWith('SASL') ? scram : {}), ...extra }))
  }
  return settings
}

/** Client options to connect as the first super user, with mTLS. */
export async function superUserOptions ({ security, certificates }: KafkaSecrets): Promise<Pick<BaseOptions, 'tls' | 'tlsServerName'>> {
  const superUser = security.table.superUsers.find(({ authentication }) => authentication === 'tls')
  if (superUser === undefined) throw new Error('the ACL table has no super user with a client certificate')
  const files = certificates.client(superUser.name)
  const [ca, cert, key] = await Promise.all([certificates.ca, files.certificate, files.key].map(async path => await readFile(path)))
  return { tls: { ca, cert, key }, tlsServerName: true }
}

/** Applies ACLs and passwords to a running Kafka and waits until the broker enforces both. */
export async function applySecurity (secrets: KafkaSecrets, ports: Readonly<Record<string, number>>): Promise<KafkaAccess> {
  const { security, certificates, passwords } = secrets
  const addresses = Object.entries(ports).map(([name, port]) => [name.toLowerCase(), `${HOST}:${port}`] as const)
  const listeners = Object.fromEntries(addresses) as KafkaAccess['listeners']
  const tls = await superUserOptions(secrets)
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
