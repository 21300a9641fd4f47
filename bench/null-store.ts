// A stand-in for Google Cloud Storage and S3 that keeps no data. It responds to uploads like the JSON API, with the checksum of what
// arrived, or like S3. Listings are empty, and every download is the same object. The benchmarks run `node bench/null-store.ts BYTES [MS]`
// as a child process, which sends its port over the IPC channel and delays the response to each upload by MS.
// A message with the settings of a bucket starts the accounting of its objects (null-bucket.ts). `{ report: BUCKET }` asks for the totals.
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32c } from '../src/stores/index.ts'
import { NullBucket, parseMultipart, type BucketReport, type BucketSettings } from './null-bucket.ts'

export type StoreRequest = BucketSettings | { readonly report: string }
export type StoreMessage = number | { readonly bucket: string } & ({ readonly mark: number } | { readonly report: BucketReport })

const object = randomBytes(Number(process.argv[2] ?? 40_000))
const checksum = Buffer.alloc(4)
checksum.writeUInt32BE(crc32c(object))
const hash = `crc32c=${checksum.toString('base64')}`
const stored = { kind: 'storage#object', name: 'any', bucket: 'any', generation: '1', size: '1' }

const delayMs = Number(process.argv[3] ?? 0)
const buckets = new Map<string, NullBucket>()
const send = (message: StoreMessage): void => { process.send?.(message) }

process.on('message', (message: StoreRequest) => {
  if ('report' in message) {
    const report = buckets.get(message.report)?.report
    if (report !== undefined) send({ bucket: message.report, report })
  } else {
    const { bucket } = message
    buckets.set(bucket, new NullBucket(message, mark => { send({ bucket, mark }) }))
  }
})

interface Answer { readonly status: number, readonly body: object }

/** Responds to an upload into a bucket that keeps accounts. */
function accountFor (bucket: NullBucket, request: IncomingMessage, url: URL, body: Buffer): Answer {
  const upload = parseMultipart(body, request.headers['content-type'] ?? '')
  const name = upload.name ?? url.searchParams.get('name') ?? ''
  if (!bucket.admit(name)) return { status: 429, body: { error: { code: 429, message: 'too many requests in this key range' } } }
  const { checksum, created } = bucket.put({ ...upload, name })
  if (!created && url.searchParams.get('ifGenerationMatch') === '0') {
    return { status: 412, body: { error: { code: 412, message: 'the object exists' } } }
  }
  return { status: 200, body: { ...stored, name, crc32c: checksum } }
}

const server = createServer((request, response) => {
  const json = (value: object, status = 200): void => {
    const body = JSON.stringify(value)
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
  }
  const url = new URL(request.url ?? '/', 'http://any')
  const bucket = request.method === 'POST' ? buckets.get(/\/b\/([^/]+)\/o/.exec(url.pathname)?.[1] ?? '') : undefined
  // The first bytes of an upload are the object's metadata, including the announced checksum.
  let head = ''
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => {
    if (bucket !== undefined) chunks.push(chunk)
    else if (head.length < 1000) head += chunk.toString('latin1', 0, 1000)
  })
  request.on('end', () => {
    const uploaded = (): void => {
      if (bucket !== undefined) {
        const answer = accountFor(bucket, request, url, Buffer.concat(chunks))
        json(answer.body, answer.status)
      } else if (request.method === 'POST') json({ ...stored, crc32c: /"crc32c": ?"([^"]+)"/.exec(head)?.[1] })
      // The probe of S3 stores expects that its object exists.
      else if (request.url?.includes('if-none-match') === true) response.writeHead(412).end()
      else response.writeHead(200, { etag: '"none"', 'x-amz-checksum-crc32c': request.headers['x-amz-checksum-crc32c'] }).end()
    }
    if (request.method === 'POST' || request.method === 'PUT') {
      const delay = bucket?.delayMs ?? delayMs
      if (delay === 0) uploaded()
      else setTimeout(uploaded, delay)
    } else if (request.url?.includes('list-type=') === true) response.end('<ListBucketResult><Name>bucket</Name></ListBucketResult>')
    else if (request.url?.includes('alt=media') === true) {
      response.writeHead(200, { 'content-type': 'application/gzip', 'content-length': object.length, 'x-goog-hash': hash }).end(object)
    } else json({ kind: 'storage#objects' })
  })
})
// The parent has ended.
process.on('disconnect', () => { process.exit() })
// Longer than any pause of a benchmark on a loaded machine, so that no connection closes while a request arrives.
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => { send((server.address() as AddressInfo).port) })
