// Starts a secured Kafka with the users and ACLs of deploy/acls.json, and runs operations with confluent-kafka, for the access tests.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { readAclTable, type KafkaAccess, type KafkaServer } from '../../src/devstack/index.ts'
import type { KafkaSecurity } from '../../src/devstack/kafka-security.ts'
import type { AclTable } from '../../src/devstack/acls.ts'
import { kafkaConnection, type KafkaConfig, type KafkaConnection } from '../../src/kafka/connection.ts'
import { tempDir, useOwnKafka } from '../support/stack.ts'

/** One operation for confluent-kafka. The file confluent.py defines the parameters of each operation. */
export interface PythonCase {
  readonly id: string
  readonly conf: Readonly<Record<string, string>>
  readonly do: string
  readonly topic?: string
  readonly group?: string
  readonly count?: number
  readonly value?: string
  readonly principal?: string
}

/** Runs the cases concurrently in one Python process. Resolves with `ok` or the name of the error for each case id. */
export async function withConfluent (python: string, cases: readonly PythonCase[], parallel = 12): Promise<Map<string, string>> {
  const child = spawn(python, [join(import.meta.dirname, 'confluent.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  child.stdin.end(JSON.stringify({ parallel, cases }))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`confluent.py exited with ${code}`)
  return new Map(Object.entries(JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>))
}

/** Configuration of confluent-kafka for SCRAM over TLS. */
export function scramConf (brokers: string, ca: string, username: string, password: string): Record<string, string> {
  return {
    'bootstrap.servers': brokers, 'security.protocol': 'SASL_SSL', 'ssl.ca.location': ca,
    'sasl.mechanism': 'SCRAM-SHA-512', 'sasl.username': username, 'sasl.password': password
  }
}

/** Configuration of confluent-kafka for mTLS. */
export function mtlsConf (brokers: string, ca: string, certificate: string, key: string): Record<string, string> {
  return {
    'bootstrap.servers': brokers, 'security.protocol': 'SSL', 'ssl.ca.location': ca,
    'ssl.certificate.location': certificate, 'ssl.key.location': key
  }
}

/** A Kafka with the ACLs of deploy/acls.json: mTLS for internal users, SCRAM over TLS for external users. */
export interface SecuredKafka {
  readonly server: KafkaServer
  readonly access: KafkaAccess
  readonly table: AclTable
  /** Configuration of the program's client for `user`. */
  config (user: string): KafkaConfig
  connect (user: string): Promise<KafkaConnection>
  /** Configuration of confluent-kafka for `user`. */
  conf (user: string): Record<string, string>
  /** Command line flags for `user`. */
  flags (user: string): string[]
  passwordFile (user: string): string
}

/** Starts a secured Kafka for the test and stops it in teardown. */
export async function useSecuredKafka (t: Test, more: Partial<KafkaSecurity> = {}): Promise<SecuredKafka> {
  const table = more.table ?? await readAclTable()
  const server = await useOwnKafka(t, { security: { folder: join(await tempDir(t), 'security'), table, ...more } })
  return securedKafka(server, table)
}

export function securedKafka (server: KafkaServer, table: AclTable): SecuredKafka {
  const { access } = server
  if (access === undefined) throw new Error('the Kafka server was started without security settings')
  const { certificates, listeners } = access
  const users = [...table.superUsers, ...table.users]
  const isInternal = (user: string): boolean => users.find(({ name }) => name === user)?.authentication === 'tls'
  const passwordFile = (user: string): string => join(access.passwords, user)
  const passwordOf = (user: string): string => readFileSync(passwordFile(user), 'utf8').trimEnd()
  const config = (user: string): KafkaConfig => {
    const common = { tls: true, serverCa: certificates.ca, clientId: 'test' }
    if (!isInternal(user)) return { ...common, brokers: [listeners.external], auth: 'scram', username: user, password: passwordOf(user) }
    const { certificate, key } = certificates.client(user)
    return { ...common, brokers: [listeners.internal], auth: 'mtls', clientCert: certificate, clientKey: key }
  }
  return {
    server,
    access,
    table,
    passwordFile,
    config,
    connect: async user => await kafkaConnection(config(user)),
    conf: user => {
      if (!isInternal(user)) return scramConf(listeners.external, certificates.ca, user, passwordOf(user))
      const { certificate, key } = certificates.client(user)
      return mtlsConf(listeners.internal, certificates.ca, certificate, key)
    },
    flags: user => {
      const ca = ['--tls-server-ca-crt-location', certificates.ca]
      if (!isInternal(user)) {
        const scram = ['--kafka-auth-mechanism', 'scram', '--kafka-tls', '--kafka-username', user]
        return ['--broker', listeners.external, ...scram, '--kafka-password-file', passwordFile(user), ...ca]
      }
      const { certificate, key } = certificates.client(user)
      const mtls = ['--kafka-auth-mechanism', 'mtls', '--tls-client-crt-location', certificate, '--tls-client-key-location', key]
      return ['--broker', listeners.internal, ...mtls, ...ca]
    }
  }
}
