// What an alert costs on its way into a bucket and out of it: our store, 20 requests at once, against a store that keeps nothing, in a process of
// its own. Beside it a bare loop of fetch and one of node:http, the client library as most use it (File.save), and Python's, one at a time as the
// original. Then the whole ingester. The design's mean is 270 alerts/s, the archive is to take 2,000 writes/s.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { Storage } from '@google-cloud/storage'
import { pythonEnvironment } from '../src/devstack/index.ts'
import { createArchive, crc32c, gzipFrame, openStore, type Archive } from '../src/stores/index.ts'
import { bench, type Bench, type Result, type Work } from './harness.ts'
import { cacheDir, framesOf, ingestInto, inFolder, run, withLoadedStack } from './support.ts'

const sizes_ = { alerts: { full: 10_000, quick: 300 }, objects: { full: 300, quick: 50 } } as const
type B = Bench<typeof sizes_>

const AT_ONCE = 20
const MEAN_RATE = 10_000 / 37
const ARCHIVE_RATE = 2000

interface Alert { readonly frame: Buffer, readonly gz: Buffer, readonly crc32c: number }

/** A null store, and gzipped alerts to put into it again and again under other ids. */
async function withNullStore<R> (objects: number, work: (url: string, alerts: readonly Alert[]) => Promise<R>): Promise<R> {
  const frames = await framesOf(objects)
  const alerts = await Promise.all(frames.map(async frame => ({ frame, gz: await gzipFrame(frame), crc32c: crc32c(frame) })))
  const child = fork(join(import.meta.dirname, 'null-store.ts'), [String(alerts[0]!.gz.length)])
  const [port] = await once(child, 'message') as [number]
  try {
    return await work(`http://127.0.0.1:${port}`, alerts)
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

/** `put` for each of `count` alerts, so many at once. */
async function all (alerts: readonly Alert[], count: number, put: (index: number, alert: Alert) => Promise<number>): Promise<Work> {
  let next = 0
  let bytes = 0
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let index = next++; index < count; index = next++) {
      // Not `bytes += await`: that adds to what it was before the wait.
      const size = await put(index, alerts[index % alerts.length]!)
      bytes += size
    }
  }))
  return { alerts: count, bytes }
}

function withRates (result: Result): Result {
  const perCore = 1000 / (result.cpuMs / result.alerts)
  return { ...result, figures: { 'alerts/s and core': perCore, 'times 270/s': perCore / MEAN_RATE, 'times 2,000/s': perCore / ARCHIVE_RATE } }
}

const row = (begin: (url: string) => Promise<(index: number, alert: Alert) => Promise<number>> | ((index: number, alert: Alert) => Promise<number>)) =>
  async ({ sizes, warmUp, measure }: B) => withNullStore(sizes.objects, async (url, alerts) => {
    const put = await begin(url)
    await warmUp(() => all(alerts, Math.min(500, sizes.alerts), put))
    return withRates(await measure(() => all(alerts, sizes.alerts, put)))
  })

async function archiveAt (emulatorHost: string, access: 'read' | 'write'): Promise<Archive> {
  const store = await openStore('gs://bucket', { emulatorHost, access })
  return createArchive({ alerts: store, schemas: store, layout: 'v2' })
}

/** The upload that our store makes, without our store. */
function multipart ({ gz }: Alert): { readonly body: Buffer, readonly headers: Record<string, string> } {
  const head = '--cut\r\nContent-Type: application/json\r\n\r\n{"contentType":"application/gzip"}\r\n--cut\r\nContent-Type: application/gzip\r\n\r\n'
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
print(json.dumps({'alerts': count, 'bytes': count * len(data), 'cpuMs': (time.process_time() - c) * 1000, 'seconds': time.perf_counter() - t, 'peakBytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
`

await bench('gcs', sizes_, {
  'put, our store': row(async url => {
    const archive = await archiveAt(url, 'write')
    return async (index, { gz, crc32c }) => {
      if (await archive.putAlert(String(1_000_000 + index), gz, crc32c) !== 'written') throw new Error('it was there already')
      return gz.length
    }
  }),
  'peer: put, bare fetch': row(url => async (index, alert) => {
    const { body, headers } = multipart(alert)
    await (await fetch(url + uploadPath(index), { method: 'POST', headers, body: new Uint8Array(body) })).json()
    return alert.gz.length
  }),
  'peer: put, bare node:http': row(url => {
    const agent = new Agent({ keepAlive: true })
    return async (index, alert) => {
      const { body, headers } = multipart(alert)
      const asked = httpRequest(url + uploadPath(index), { method: 'POST', headers, agent })
      asked.end(body)
      const [answer] = await once(asked, 'response') as [AsyncIterable<Buffer>]
      for await (const _ of answer) { /* to its end */ }
      return alert.gz.length
    }
  }),
  'peer: put, File.save of the client library': row(url => {
    const bucket = new Storage({ apiEndpoint: url, retryOptions: { autoRetry: false } }).bucket('bucket')
    return async (index, { gz }) => {
      await bucket.file(String(index)).save(gz, { resumable: false, validation: false, preconditionOpts: { ifGenerationMatch: 0 }, metadata: { contentType: 'application/gzip' } })
      return gz.length
    }
  }),
  'peer: put, Python, one at a time': async ({ sizes, skip }) => withNullStore(sizes.objects, async (url, alerts) => inFolder(async folder => {
    let program: string
    try {
      program = await pythonEnvironment({ cacheDir, env: process.env, requirements: ['google-cloud-storage==3.17.1'] })
    } catch (error) {
      return skip(error instanceof Error ? error.message : String(error))
    }
    const file = join(folder, 'alert.gz')
    await writeFile(file, alerts[0]!.gz)
    process.env['STORAGE_EMULATOR_HOST'] = url
    return withRates(JSON.parse(await run(program, ['-c', python, String(Math.ceil(sizes.alerts / 5)), file])) as Result)
  })),
  'get, our store': row(async url => {
    const store = await openStore('gs://bucket', { emulatorHost: url, access: 'read' })
    return async index => (await store.get(`v2/alerts/1/${index}`))!.body.length
  }),
  'peer: get, bare fetch': row(url => async index =>
    (await (await fetch(`${url}/storage/v1/b/bucket/o/${index}?alt=media`)).arrayBuffer()).byteLength),
  'the whole ingester, into the null store': async b => withNullStore(1, async url => withLoadedStack(b.sizes.alerts, b.say, async stack => {
    process.env['STORAGE_EMULATOR_HOST'] = url
    return withRates(await ingestInto('gs://bucket', stack, b.sizes.alerts, b.measure))
  }))
})
