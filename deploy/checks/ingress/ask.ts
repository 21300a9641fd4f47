// Requests as a client of ill will makes them: paths, methods and headers go out as they are given here, or bytes as they are.
import { once } from 'node:events'
import { request, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { LOOPBACK } from '../../../src/devstack/ports.ts'

export interface Question {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const PATIENCE_MS = 30_000

export async function ask (port: number, { method = 'GET', path, headers = {}, body }: Question): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    // Told, as Node.js sends the body of a GET without a length else.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const outgoing = request(
      { host: LOOPBACK, port, method, path, headers: { ...headers, ...length }, agent: false, timeout: PATIENCE_MS },
      incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => { chunks.push(chunk) })
      incoming.on('end', () => { resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }) })
      incoming.on('error', reject)
    })
    outgoing.on('timeout', () => { outgoing.destroy(new Error(`${method} ${path}: no answer within ${PATIENCE_MS / 1000} s`)) })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Sends these bytes and gives the status of each answer that comes until the server closes the connection. */
export async function askRaw (port: number, text: string): Promise<number[]> {
  const socket = connect({ host: LOOPBACK, port })
  const chunks: Buffer[] = []
  socket.on('data', chunk => { chunks.push(chunk) })
  // A server that has said what it thinks may reset.
  socket.on('error', () => {})
  socket.setTimeout(PATIENCE_MS, () => { socket.destroy() })
  await once(socket, 'connect')
  socket.write(text)
  await once(socket, 'close')
  return [...Buffer.concat(chunks).toString('latin1').matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status))
}

/** `POST /subjects` */
export function titleOf ({ method = 'GET', path }: Question): string {
  return `${method} ${path}`
}
