// What tests of the ways in share: confluent-kafka as told by cases, and its settings for each way.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

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
