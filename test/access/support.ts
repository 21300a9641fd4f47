// What tests of the ways in share: confluent-kafka as told by cases, and its settings for each way.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { readAclTable, type KafkaAccess, type KafkaServer } from '../../src/devstack/index.ts'
import type { KafkaSecurity } from '../../src/devstack/kafka-security.ts'
import type { AclTable } from '../../src/devstack/acls.ts'
import { kafkaConnection, type KafkaConfig, type KafkaConnection } from '../../src/kafka/connection.ts'
import { tempDir, useOwnKafka } from '../support/stack.ts'

/** One thing to try with confluent-kafka; see confluent.py for what each needs. */
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

/** What came of each case: `ok`, or the error's name. One process, cases side by side. */
export async function withConfluent (python: string, cases: readonly PythonCase[], parallel = 12): Promise<Map<string, string>> {
  const child = spawn(python, [join(import.meta.dirname, 'confluent.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  child.stdin.end(JSON.stringify({ parallel, cases }))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`confluent.py ended with ${code}`)
  return new Map(Object.entries(JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>))
}

/** confluent-kafka's settings for SCRAM over TLS. */
export function scramConf (brokers: string, ca: string, username: string, password: string): Record<string, string> {
  return {
    'bootstrap.servers': brokers, 'security.protocol': 'SASL_SSL', 'ssl.ca.location': ca,
    'sasl.mechanism': 'SCRAM-SHA-512', 'sasl.username': username, 'sasl.password': password
  }
}

/** confluent-kafka's settings for mutual TLS. */
export function mtlsConf (brokers: string, ca: string, certificate: string, key: string): Record<string, string> {
  return { 'bootstrap.servers': brokers, 'security.protocol': 'SSL', 'ssl.ca.location': ca, 'ssl.certificate.location': certificate, 'ssl.key.location': key }
}

/** A Kafka with the rules of deploy/acls.json, and every user's ways in. */
export interface LockedKafka {
  readonly server: KafkaServer
  readonly access: KafkaAccess
  readonly table: AclTable
  /** What our client needs to come in as that user: certificate inside, password outside. */
  config (user: string): KafkaConfig
  connect (user: string): Promise<KafkaConnection>
  /** The same for confluent-kafka. */
  conf (user: string): Record<string, string>
  /** The same as flags of a mode. */
  flags (user: string): string[]
  passwordFile (user: string): string
}

/** Starts one of the test's own; stopped in teardown. */
export async function useLockedKafka (t: Test, more: Partial<KafkaSecurity> = {}): Promise<LockedKafka> {
  const table = more.table ?? await readAclTable()
  const server = await useOwnKafka(t, { security: { folder: join(await tempDir(t), 'security'), table, ...more } })
  return lockedKafka(server, table)
}

export function lockedKafka (server: KafkaServer, table: AclTable): LockedKafka {
  const { access } = server
  if (access === undefined) throw new Error('this Kafka is open')
  const { certificates, listeners } = access
  const inside = (user: string): boolean => [...table.superUsers, ...table.users].find(({ name }) => name === user)?.authentication === 'tls'
  const passwordFile = (user: string): string => join(access.passwords, user)
  const passwordOf = (user: string): string => readFileSync(passwordFile(user), 'utf8').trimEnd()
  const config = (user: string): KafkaConfig => {
    if (!inside(user)) return { brokers: [listeners.external], auth: 'scram', tls: true, username: user, password: passwordOf(user), serverCa: certificates.ca, clientId: 'test' }
    const { certificate, key } = certificates.client(user)
    return { brokers: [listeners.internal], auth: 'mtls', tls: true, clientCert: certificate, clientKey: key, serverCa: certificates.ca, clientId: 'test' }
  }
  return {
    server,
    access,
    table,
    passwordFile,
    config,
    connect: async user => await kafkaConnection(config(user)),
    conf: user => {
      if (!inside(user)) return scramConf(listeners.external, certificates.ca, user, passwordOf(user))
      const { certificate, key } = certificates.client(user)
      return mtlsConf(listeners.internal, certificates.ca, certificate, key)
    },
    flags: user => {
      const ca = ['--tls-server-ca-crt-location', certificates.ca]
      if (!inside(user)) {
        return ['--broker', listeners.external, '--kafka-auth-mechanism', 'scram', '--kafka-tls', '--kafka-username', user, '--kafka-password-file', passwordFile(user), ...ca]
      }
      const { certificate, key } = certificates.client(user)
      return ['--broker', listeners.internal, '--kafka-auth-mechanism', 'mtls', '--tls-client-crt-location', certificate, '--tls-client-key-location', key, ...ca]
    }
  }
}
