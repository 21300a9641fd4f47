// Stands before a real HTTP server and fails as told: the next so many requests (or those that match) are refused, cut, left without an answer,
// damaged. What it lets through is forwarded whole. It notes every request, and whether the client gave it up.
import { once } from 'node:events'
import { Agent, createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export type Fault =
  /** The connection is reset before the request is forwarded. */
  | 'reset'
  /** No answer, for as long as the client waits. */
  | 'hang'
  /** The answer stops in its midst, and the connection stays. */
  | 'stall answer'
  /** The connection is reset in the midst of the answer. */
  | 'cut answer'
  /** A byte of the answer's body is another one. */
  | 'damage answer'
  /** A byte of the request's body is another one. */
  | 'damage request'
  /** Forwarded, and done by the server; then the connection is reset. */
  | 'lose answer'
  | { readonly status: number, readonly body?: string, readonly headers?: Readonly<Record<string, string>> }

export interface SeenRequest {
  readonly method: string
  /** Decoded path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** The client closed the connection before the answer was there. */
  cut: boolean
}

export interface FaultProxy {
  readonly url: string
  readonly seen: readonly SeenRequest[]
  /** Faults that have been met so far. */
  readonly failed: number
  /** The next `count` (default: all) requests that `match` meet with this fault; several faults are tried in the order in which they were set. */
  fail (fault: Fault, count?: number, match?: (request: SeenRequest) => boolean): void
  /** Forgets all faults; requests that hang are cut. */
  heal (): void
}

interface Pending { readonly fault: Fault, left: number, readonly match: (request: SeenRequest) => boolean }

export async function faultProxy (t: Test, target: string): Promise<FaultProxy> {
  const seen: SeenRequest[] = []
  let pending: Pending[] = []
  let failed = 0
  const hanging = new Set<IncomingMessage>()
  const agent = new Agent({ keepAlive: true })
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => { request.socket.destroy() })
  })

  function faultFor (note: SeenRequest): Fault | undefined {
    const next = pending.find(({ left, match }) => left > 0 && match(note))
    if (next === undefined) return undefined
    next.left--
    failed++
    return next.fault
  }

  async function answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const note: SeenRequest = { method: request.method ?? '', url: decodeURIComponent(request.url ?? ''), headers: request.headers, cut: false }
    seen.push(note)
    response.on('close', () => { note.cut = !response.writableFinished })
    const body = Buffer.concat(await request.toArray() as Buffer[])
    const fault = faultFor(note)
    if (fault === 'reset') return void request.socket.resetAndDestroy()
    if (fault === 'hang') return void hanging.add(request)
    if (typeof fault === 'object') {
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers })
      return void response.end(fault.body ?? JSON.stringify({ error: { code: fault.status, message: `told to answer ${fault.status}` } }))
    }
    // Towards the end of an upload: in the object, not in what is said about it.
    if (fault === 'damage request') body.writeUInt8(body.readUInt8(body.length - 60) ^ 1, body.length - 60)
    const { status, headers, answer } = await forward(request, body)
    if (fault === 'lose answer') return void request.socket.resetAndDestroy()
    if (fault === 'damage answer') answer.writeUInt8(answer.readUInt8(answer.length >> 1) ^ 1, answer.length >> 1)
    response.writeHead(status, headers)
    if (fault === 'stall answer' || fault === 'cut answer') {
      response.write(answer.subarray(0, answer.length >> 1), () => {
        if (fault === 'cut answer') request.socket.resetAndDestroy()
        else hanging.add(request)
      })
      return
    }
    response.end(answer)
  }

  async function forward (request: IncomingMessage, body: Buffer): Promise<{ readonly status: number, readonly headers: IncomingHttpHeaders, readonly answer: Buffer }> {
    const { connection: _, 'transfer-encoding': __, ...headers } = request.headers
    const forwarded = httpRequest(target + (request.url ?? ''), { method: request.method ?? 'GET', headers: { ...headers, 'content-length': body.length }, agent })
    forwarded.end(body)
    const [real] = await once(forwarded, 'response') as [IncomingMessage]
    const answer = Buffer.concat(await real.toArray() as Buffer[])
    const { connection: ___, 'transfer-encoding': ____, ...kept } = real.headers
    return { status: real.statusCode ?? 0, headers: { ...kept, 'content-length': String(answer.length) }, answer }
  }

  function heal (): void {
    pending = []
    for (const request of hanging) request.socket.destroy()
    hanging.clear()
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    heal()
    server.close()
    server.closeAllConnections()
    agent.destroy()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get failed () { return failed },
    fail: (fault, count = Infinity, match = () => true) => { pending.push({ fault, left: count, match }) },
    heal
  }
}

export const isUpload = ({ method }: SeenRequest): boolean => method === 'POST'
export const isDownload = ({ url }: SeenRequest): boolean => url.includes('alt=media')
