// Measures writing alerts to a bucket and reading them: the GCS store sends 20 concurrent requests to a null store in another process.
// References: bare loops of fetch and of node:http, the usual API of the client library (File.save), and the Python client with one request
// at a time, as in the survey's own ingester. The last row runs the complete ingester. The required rates are 270 alerts/s on average and
// 2,000 writes/s for the archive.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { Storage } from '@google-cloud/storage'
import { pythonEnvironment } from '../src/devstack/index.ts'
import { createArchive, openStore, type Archive } from '../src/stores/index.ts'
import { bench, type Bench, type Result, type Work } from './harness.ts'
import {
  cacheDir, ingestInto, inFolder, MEAN_RATE, run, withLoadedStack, withNullStore, type PeerResult, type StoredAlert
} from './support.ts'

const SIZES = { alerts: { full: 10_000, quick: 300 }, objects: { full: 300, quick: 50 } } as const
type B = Bench<typeof SIZES>

const CONCURRENCY = 20
const ARCHIVE_RATE = 2000

/** Writes or reads one object. Resolves to its size in bytes. */
type Transfer = (index: number, alert: StoredAlert) => Promise<number>

/** Transfers `count` alerts, 20 of them concurrently. */
async function transferAll (alerts: readonly StoredAlert[], count: number, transfer: Transfer): Promise<Work> {
  let next = 0
  let bytes = 0
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
    for (let index = next++; index < count; index = next++) {
      // `bytes += await ...` would read `bytes` before it waits, and lose what other transfers add meanwhile.
      const size = await transfer(index, alerts[index % alerts.length]!)
      bytes += size
    }
  }))
  return { alerts: count, bytes }
}

function withRates (result: Result): Result {
  const perCore = 1000 / (result.cpuMs / result.alerts)
  return { ...result, extra: { 'alerts/s per core': perCore, 'times 270/s': perCore / MEAN_RATE, 'times 2,000/s': perCore / ARCHIVE_RATE } }
}

const row = (connect: (url: string) => Promise<Transfer> | Transfer) =>
  async ({ sizes, warmUp, measure }: B) => withNullStore(sizes.objects, async (url, alerts) => {
    const transfer = await connect(url)
    await warmUp(() => transferAll(alerts, Math.min(500, sizes.alerts), transfer))
    return withRates(await measure(() => transferAll(alerts, sizes.alerts, transfer)))
  })

async function archiveAt (emulatorHost: string, access: 'read' | 'write'): Promise<Archive> {
  const store = await openStore('gs://bucket', { emulatorHost, access })
  return createArchive({ alerts: store, schemas: store, layout: 'v2' })
}

/** The upload request that the GCS store sends. */
function multipart ({ gz }: StoredAlert): { readonly body: Buffer, readonly headers: Record<string, string> } {
  const head = '--cut\r\nContent-Type: application/json\r\n\r\n{"contentType":"application/gzip"}\r\n' +
    '--cut\r\nContent-Type: application/gzip\r\n\r\n'
  const body = Buffer.concat([Buffer.from(head), gz, Buffer.from('\r\n--cut--')])
  return { body, headers: { 'content-type': 'multipart/related; boundary=cut', 'content-length': String(body.length) } }
}

const uploadPath = (index: number): string => `/upload/storage/v1/b/bucket/o?uploadType=multipart&ifGenerationMatch=0&name=${index}`

const python = `
import json, os, sys, time, resource
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
count, data = int(sys.argv[1]), open(sys.argv[2], 'rb').read()
bucket = storage.Client(project='any', credentials=AnonymousCredentials()).bucket('bucket')
def put(i): bucket.blob(str(i)).upload_from_string(data, content_type='application/gzip', if_generation_match=0)
for i in range(50): put(i)
c, t = time.process_time(), time.perf_counter()
for i in range(count): put(i)
cpu, seconds = (time.process_time() - c) * 1000, time.perf_counter() - t
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({'alerts': count, 'bytes': count * len(data), 'cpuMs': cpu, 'seconds': seconds, 'peakBytes': peak}))
`

await bench('gcs', SIZES, {
  'put, our store': row(async url => {
    const archive = await archiveAt(url, 'write')
    return async (index, { gz, checksums }) => {
      const id = String(1_000_000 + index)
      if (await archive.putAlert(id, gz, checksums) !== 'written') throw new Error(`alert ${id} already exists`)
      return gz.length
    }
  }),
  'reference: put, bare fetch': row(url => async (index, alert) => {
    const { body, headers } = multipart(alert)
    await (await fetch(url + uploadPath(index), { method: 'POST', headers, body: new Uint8Array(body) })).json()
    return alert.gz.length
  }),
  'reference: put, bare node:http': row(url => {
    const agent = new Agent({ keepAlive: true })
    return async (index, alert) => {
      const { body, headers } = multipart(alert)
      const request = httpRequest(url + uploadPath(index), { method: 'POST', headers, agent })
      request.end(body)
      const [response] = await once(request, 'response') as [AsyncIterable<Buffer>]
      for await (const _ of response) { /* read to the end */ }
      return alert.gz.length
    }
  }),
  'reference: put, File.save of the client library': row(url => {
    const bucket = new Storage({ apiEndpoint: url, retryOptions: { autoRetry: false } }).bucket('bucket')
    return async (index, { gz }) => {
      await bucket.file(String(index)).save(gz, {
        resumable: false, validation: false, preconditionOpts: { ifGenerationMatch: 0 }, metadata: { contentType: 'application/gzip' }
      })
      return gz.length
    }
  }),
  'reference: put, Python, one request at a time': async ({ sizes, skip }) => {
    let program: string
    try {
      program = await pythonEnvironment({ cacheDir, env: process.env, requirements: ['google-cloud-storage==3.17.1'] })
    } catch (error) {
      return skip(error instanceof Error ? error.message : String(error))
    }
    return withNullStore(sizes.objects, async (url, alerts) => inFolder(async folder => {
      const file = join(folder, 'alert.gz')
      await writeFile(file, alerts[0]!.gz)
      process.env['STORAGE_EMULATOR_HOST'] = url
      const count = String(Math.ceil(sizes.alerts / 5))
      return withRates(JSON.parse(await run(program, ['-c', python, count, file])) as PeerResult)
    }))
  },
  'get, our store': row(async url => {
    const store = await openStore('gs://bucket', { emulatorHost: url, access: 'read' })
    return async index => (await store.get(`v2/alerts/1/${index}`))!.body.length
  }),
  'reference: get, bare fetch': row(url => async index =>
    (await (await fetch(`${url}/storage/v1/b/bucket/o/${index}?alt=media`)).arrayBuffer()).byteLength),
  'complete ingester, into the null store': async b => withNullStore(1, async url => withLoadedStack(b.sizes.alerts, b.log, async stack => {
    process.env['STORAGE_EMULATOR_HOST'] = url
    return withRates(await ingestInto('gs://bucket', stack, b.sizes.alerts, b.measure))
  }))
}, { quick: ['put, our store', 'reference: put, bare node:http', 'get, our store'] })
