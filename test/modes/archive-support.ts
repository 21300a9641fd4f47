// Helpers for tests of the ingester: small alerts, a registry proxy that can fail, and functions that read the archive and the topics.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import { createRegistryClient, parseSchema, type AlertSchema } from '../../src/avro/index.ts'
import { decodeId } from '../../src/ids/packed-id.ts'
import type { OutgoingRecord } from '../../src/kafka/record.ts'
import { tempDir, uniqueName, type RunningCli } from '../support/stack.ts'

export interface RegisteredAlerts {
  readonly schema: AlertSchema
  readonly schemaId: number
  /** The schema text as the registry returns it. */
  readonly text: string
  frame (id: bigint, note?: string): Buffer
  record (id: bigint, partition: number, note?: string): OutgoingRecord
}

/** Registers a new schema with a unique name, so that no other test uses its id. */
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

/** Creates records of `count` alerts, spread over partitions. The alert ids have 18 digits, as in the survey. */
export function alertRecords (
  alerts: RegisteredAlerts, count: number, partitions: number, firstId = 281_334_371_292_545_025n
): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) => alerts.record(firstId + BigInt(index) * 1_000_003n, index % partitions))
}

/** Returns the key of a record from `alertRecords`. The key is the alert id. */
export function idOf (record: Pick<OutgoingRecord, 'key'>): string {
  return String(record.key)
}

export function storeUrl (folder: string): string {
  return pathToFileURL(folder).href
}

export function alertPath (root: string, id: string, layout: 'v1' | 'v2' = 'v2'): string {
  return layout === 'v1' ? join(root, 'alert_archive/v1/alerts', `${id}.avro.gz`) : join(root, 'v2/alerts', id.slice(0, 6), `${id}.avro.gz`)
}

export function schemaPath (root: string, id: number, layout: 'v1' | 'v2' = 'v2'): string {
  return layout === 'v1' ? join(root, 'alert_archive/v1/schemas', `${id}.json`) : join(root, 'v2/schemas', `${id}.json`)
}

/** Ids of the archived alerts, sorted. */
export async function archivedIds (root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true }).catch(() => [])
  return names.filter(name => name.endsWith('.avro.gz')).map(name => name.replace(/^.*\//, '').replace('.avro.gz', '')).sort()
}

/** Visits in the ids of the archived alerts, sorted. */
export async function archivedVisits (root: string): Promise<string[]> {
  const visits = (await archivedIds(root)).map(id => String(decodeId(BigInt(id))?.visit))
  return [...new Set(visits)].sort()
}

const COMPARE = `
import gzip, json, sys
wrong = []
for path, expected in json.load(sys.stdin):
    try:
        if gzip.open(path, "rb").read().hex() != expected: wrong.append(path + " differs")
    except Exception as error:
        wrong.append("%s: %r" % (path, error))
print(json.dumps(wrong))
`

/** Compares the archived objects with the values of the records, using Python's gzip. Returns one line per difference. */
export function pythonMismatches (root: string, records: readonly OutgoingRecord[], layout: 'v1' | 'v2' = 'v2'): string[] {
  const input = JSON.stringify(records.map(record => [alertPath(root, idOf(record), layout), record.value!.toString('hex')]))
  const { stdout, stderr, status } = spawnSync('python3', ['-c', COMPARE], { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as string[]
}

export interface IngestTarget {
  readonly kafka: string
  readonly registry: string
  readonly topic: string
  readonly group: string
  /** The dead-letter topic. */
  readonly dead: string
  /** Folder of the alert store. */
  readonly root: string
}

/** Returns the settings of an ingester on the given servers, with topics, a group and a store folder that no other test uses. */
export async function newTarget (t: Test, servers: Pick<IngestTarget, 'kafka' | 'registry'>): Promise<IngestTarget> {
  const root = join(await tempDir(t), 'store')
  return { ...servers, topic: uniqueName('ingest'), group: uniqueName('g'), dead: uniqueName('dead'), root }
}

/** The command line of an ingester with these settings. */
export function ingestArgs ({ kafka, registry, topic, group, dead, root }: IngestTarget, ...more: string[]): string[] {
  return [
    'ingest', '--broker', kafka, '--schema-registry-url', registry, '--topic', topic, '--group', group,
    '--dead-letter-topic', dead, '--alert-store', storeUrl(root), ...more
  ]
}

/** The last generation that an ingester has joined, and the number of partitions assigned to the ingester. */
export function joinedBy ({ stderr }: RunningCli): { generation: number, partitions: number } | undefined {
  const [, generation, partitions] = [...stderr.matchAll(/"generation":(\d+),"partitions":(\d+),"msg":"joined/g)].at(-1) ?? []
  return generation === undefined ? undefined : { generation: Number(generation), partitions: Number(partitions) }
}

/** Waits until the condition holds. Rejects with the program's output if the program ends first. */
export async function whileRunning (cli: RunningCli, condition: () => boolean | Promise<boolean>, pollMs = 50): Promise<void> {
  let ended = false
  void cli.finished.then(() => { ended = true })
  for (;;) {
    if (await condition()) return
    if (ended) throw new Error(`the program ended before the condition held\nstdout: ${cli.stdout}\nstderr: ${cli.stderr}`)
    await new Promise(resolve => setTimeout(resolve, pollMs))
  }
}

export interface RegistryProxy {
  readonly url: string
  /** Number of requests received. */
  readonly requests: number
  /**
   * `up` forwards requests, `down` disconnects, `hold` delays requests until the next call of `set`. A function sends its own response and
   * returns true, or returns false to forward the request.
   */
  set (behaviour: 'up' | 'down' | 'hold' | ((response: ServerResponse, path: string) => boolean)): void
}

/** Starts a proxy for the real registry. The proxy can fail on demand. */
export async function registryProxy (t: Test, target: string): Promise<RegistryProxy> {
  let behaviour: Parameters<RegistryProxy['set']>[0] = 'up'
  let requests = 0
  const held: Array<() => void> = []
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (behaviour === 'down') {
      request.socket.destroy()
    } else if (behaviour === 'hold') {
      held.push(() => { void respond(request, response) })
    } else if (typeof behaviour !== 'function' || !behaviour(response, request.url ?? '')) {
      const real = await fetch(target + (request.url ?? ''))
      response.writeHead(real.status, { 'content-type': real.headers.get('content-type') ?? 'application/json' }).end(await real.text())
    }
  }
  const server = createServer((request, response) => {
    requests++
    void respond(request, response)
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
    get requests () { return requests },
    set (next) {
      behaviour = next
      for (const release of held.splice(0)) release()
    }
  }
}

export async function readText (path: string): Promise<string> {
  return await readFile(path, 'utf8')
}
