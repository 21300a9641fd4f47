// A stand-in for Google Cloud Storage that keeps nothing, for bench/gcs.ts. It responds to uploads like the JSON API, with the checksum
// that the upload announces. Listings are empty, and every download is the same object. An upload costs 0.1 CPU-ms (emulator: 1 to 14).
// bench/gcs.ts runs `node bench/null-store.ts BYTES` as a child process, which sends its port over the IPC channel.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32c } from '../src/stores/index.ts'

const object = randomBytes(Number(process.argv[2] ?? 40_000))
const checksum = Buffer.alloc(4)
checksum.writeUInt32BE(crc32c(object))
const hash = `crc32c=${checksum.toString('base64')}`
const stored = { kind: 'storage#object', name: 'any', bucket: 'any', generation: '1', size: '1' }

const server = createServer((request, response) => {
  const json = (value: object): void => {
    const body = JSON.stringify(value)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  }
  // The first bytes of an upload are the object's metadata, including the announced checksum.
  let head = ''
  request.on('data', (chunk: Buffer) => { if (head.length < 1000) head += chunk.toString('latin1', 0, 1000) })
  request.on('end', () => {
    if (request.method === 'POST') json({ ...stored, crc32c: /"crc32c": ?"([^"]+)"/.exec(head)?.[1] })
    else if (request.url?.includes('alt=media') === true) {
      response.writeHead(200, { 'content-type': 'application/gzip', 'content-length': object.length, 'x-goog-hash': hash }).end(object)
    } else json({ kind: 'storage#objects' })
  })
})
server.listen(0, '127.0.0.1', () => { process.send?.((server.address() as AddressInfo).port) })
