// A stand-in for Google Cloud Storage and S3 that keeps nothing, for bench/gcs.ts and bench/uploads.ts. It responds to uploads like the
// JSON API, with the checksum that the upload announces, or like S3. Listings are empty, and every download is the same object. An upload
// costs 0.1 CPU-ms (emulator: 1 to 14). The benchmarks run `node bench/null-store.ts BYTES [MS]` as a child process, which sends its port
// over the IPC channel and delays the response to each upload by MS.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32c } from '../src/stores/index.ts'

const object = randomBytes(Number(process.argv[2] ?? 40_000))
const checksum = Buffer.alloc(4)
checksum.writeUInt32BE(crc32c(object))
const hash = `crc32c=${checksum.toString('base64')}`
const stored = { kind: 'storage#object', name: 'any', bucket: 'any', generation: '1', size: '1' }

const delayMs = Number(process.argv[3] ?? 0)

const server = createServer((request, response) => {
  const json = (value: object): void => {
    const body = JSON.stringify(value)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  }
  // The first bytes of an upload are the object's metadata, including the announced checksum.
  let head = ''
  request.on('data', (chunk: Buffer) => { if (head.length < 1000) head += chunk.toString('latin1', 0, 1000) })
  request.on('end', () => {
    const uploaded = (): void => {
      if (request.method === 'POST') json({ ...stored, crc32c: /"crc32c": ?"([^"]+)"/.exec(head)?.[1] })
      // The probe of S3 stores expects that its object exists.
      else if (request.url?.includes('if-none-match') === true) response.writeHead(412).end()
      else response.writeHead(200, { etag: '"none"', 'x-amz-checksum-crc32c': request.headers['x-amz-checksum-crc32c'] }).end()
    }
    if (request.method === 'POST' || request.method === 'PUT') {
      if (delayMs === 0) uploaded()
      else setTimeout(uploaded, delayMs)
    } else if (request.url?.includes('list-type=') === true) response.end('<ListBucketResult><Name>bucket</Name></ListBucketResult>')
    else if (request.url?.includes('alt=media') === true) {
      response.writeHead(200, { 'content-type': 'application/gzip', 'content-length': object.length, 'x-goog-hash': hash }).end(object)
    } else json({ kind: 'storage#objects' })
  })
})
// Longer than any pause of a benchmark on a loaded machine, so that no connection closes while a request arrives.
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => { process.send?.((server.address() as AddressInfo).port) })
