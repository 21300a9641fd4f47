// What tests of the ingester share: small alerts of a schema of their own, a registry that can be made to fail, looks at archive and topics.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import { createRegistryClient, parseSchema, type AlertSchema } from '../../src/avro/index.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import type { KafkaRecord, OutgoingRecord } from '../../src/kafka/record.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { contextOf } from '../kafka/support.ts'
import { uniqueName, type RunningCli } from '../support/stack.ts'

export interface RegisteredAlerts {
  readonly schema: AlertSchema
  readonly schemaId: number
  /** As the registry gives it. */
  readonly text: string
  frame (id: bigint, note?: string): Buffer
  record (id: bigint, partition: number, note?: string): OutgoingRecord
}

/** A new schema in the registry, so that its id is nobody else's. */
export async function registerAlerts (registry: string): Promise<RegisteredAlerts> {
  const name = `alert_${uniqueName('t').replaceAll('-', '_')}`
  const given = JSON.stringify({
    type: 'record', name, namespace: 'test.v1', doc: 'An alert of the tests: "quoted" \u00e9.',
    fields: [
      { name: 'diaSourceId', type: 'long', doc: 'The id.' },
      { name: 'note', type: ['null', 'string'], doc: 'Any text.', default: null },
      { name: 'cutout', type: 'bytes', default: '\u00ff' }
    ]
  })
  const client = createRegistryClient({ url: registry })
  const { id: schemaId } = await client.register(name, given)
  const text = await client.schemaById(schemaId)
  const schema = parseSchema(text)
  const frame = (id: bigint, note = 'as it was'): Buffer =>
    schema.encodeFramed(schemaId, { diaSourceId: id, note, cutout: Buffer.alloc(2000, `${id} `) })
  return {
    schema, schemaId, text, frame,
    record: (id, partition, note) => ({ key: Buffer.from(String(id)), value: frame(id, note), headers: [], partition })
  }
}

/** `count` alerts with ids of the survey's size, spread over partitions. */
export function alertRecords (alerts: RegisteredAlerts, count: number, partitions: number, first = 281_334_371_292_545_025n): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) => alerts.record(first + BigInt(index) * 1_000_003n, index % partitions))
}

/** Ids of records made here, by their keys. */
export function idOf (record: Pick<OutgoingRecord, 'key'>): string {
  return String(record.key)
}

export function storeUrl (folder: string): string {
  return pathToFileURL(folder).href
}

/** Path of an alert's object below the store's root. */
export function alertPath (root: string, id: string, layout: 'v1' | 'v2' = 'v2'): string {
  return layout === 'v1' ? join(root, 'alert_archive/v1/alerts', `${id}.avro.gz`) : join(root, 'v2/alerts', id.slice(0, 6), `${id}.avro.gz`)
}

export function schemaPath (root: string, id: number, layout: 'v1' | 'v2' = 'v2'): string {
  return layout === 'v1' ? join(root, 'alert_archive/v1/schemas', `${id}.json`) : join(root, 'v2/schemas', `${id}.json`)
}

/** Names of the alerts' objects, sorted. */
export async function archivedIds (root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true }).catch(() => [])
  return names.filter(name => name.endsWith('.avro.gz')).map(name => name.replace(/^.*\//, '').replace('.avro.gz', '')).sort()
}

const JUDGE = `
import gzip, json, sys
wrong = []
for path, expected in json.load(sys.stdin):
    try:
        if gzip.open(path, "rb").read().hex() != expected: wrong.append(path + " differs")
    except Exception as error:
        wrong.append("%s: %r" % (path, error))
print(json.dumps(wrong))
`

/** What Python's gzip finds wrong with the objects of these records. */
export function judgedByPython (root: string, records: readonly OutgoingRecord[], layout: 'v1' | 'v2' = 'v2'): string[] {
  const input = JSON.stringify(records.map(record => [alertPath(root, idOf(record), layout), record.value!.toString('hex')]))
  const { stdout, stderr, status } = spawnSync('python3', ['-c', JUDGE], { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as string[]
}

/** All records of a topic. */
export async function recordsOf (connection: KafkaConnection, topic: string): Promise<KafkaRecord[]> {
  const source = readTopic({ connection, topic })
  const context = contextOf()
  await source.open?.(context)
  const records: KafkaRecord[] = []
  try {
    for await (const { value } of source.records(context)) records.push(value)
  } finally {
    await source.close?.()
  }
  return records
}

/** Flags of an ingester for one topic. */
export function ingestArgs (at: { kafka: string, registry: string, topic: string, group: string, dead: string, root: string }, ...more: string[]): string[] {
  return [
    'ingest', '--broker', at.kafka, '--schema-registry-url', at.registry, '--topic', at.topic, '--group', at.group,
    '--dead-letter-topic', at.dead, '--alert-store', storeUrl(at.root), ...more
  ]
}

/** Waits until the condition holds while the program runs; rejects with its output if it ends before. */
export async function whileRunning (cli: RunningCli, condition: () => boolean | Promise<boolean>, pollMs = 50): Promise<void> {
  let ended = false
  void cli.finished.then(() => { ended = true })
  for (;;) {
    if (await condition()) return
    if (ended) throw new Error(`the program ended meanwhile\nstdout: ${cli.stdout}\nstderr: ${cli.stderr}`)
    await new Promise(resolve => setTimeout(resolve, pollMs))
  }
}

export interface RegistryDouble {
  readonly url: string
  /** Requests for schemas so far. */
  readonly asked: number
  /** `up` forwards to the real one; `down` cuts connections; `hold` keeps requests until the next change; a function answers itself. */
  set (behaviour: 'up' | 'down' | 'hold' | ((response: ServerResponse) => void)): void
}

/** Stands before the real registry and fails as told. */
export async function registryDouble (t: Test, target: string): Promise<RegistryDouble> {
  let behaviour: Parameters<RegistryDouble['set']>[0] = 'up'
  let asked = 0
  const held: Array<() => void> = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (behaviour === 'down') {
      request.socket.destroy()
    } else if (behaviour === 'hold') {
      held.push(() => { void answer(request, response) })
    } else if (typeof behaviour === 'function') {
      behaviour(response)
    } else {
      const real = await fetch(target + (request.url ?? ''))
      response.writeHead(real.status, { 'content-type': real.headers.get('content-type') ?? 'application/json' }).end(await real.text())
    }
  }
  const server = createServer((request, response) => {
    asked++
    void answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    get asked () { return asked },
    set (next) {
      behaviour = next
      for (const go of held.splice(0)) go()
    }
  }
}

export async function readText (path: string): Promise<string> {
  return await readFile(path, 'utf8')
}
