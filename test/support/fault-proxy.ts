// An HTTP proxy that injects faults into selected requests to a real server: error status, reset, hang, damaged bodies.
// The proxy forwards all other requests unchanged. It records every request, and whether the client disconnected.
import { once } from 'node:events'
import { Agent, createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export type Fault =
  /** The connection is reset before the request is forwarded. */
  | 'reset'
  /** The request gets no response. */
  | 'hang'
  /** The response stops in the middle, but the connection stays open. */
  | 'stall response'
  /** The connection is reset in the middle of the response. */
  | 'cut response'
  /** One byte of the response body is changed. */
  | 'damage response'
  /** One byte of the request body is changed. */
  | 'damage request'
  /** The connection is reset after the server has processed the request. */
  | 'lose response'
  | { readonly status: number, readonly body?: string, readonly headers?: Readonly<Record<string, string>> }

export interface SeenRequest {
  readonly method: string
  /** Decoded path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** Whether the client disconnected before the response was complete. */
  cut: boolean
}

export interface FaultProxy {
  readonly url: string
  readonly seen: readonly SeenRequest[]
  /** Number of injected faults. */
  readonly failed: number
  /** Injects a fault into the next `count` matching requests (default: all). If several faults match, the earliest added fault applies. */
  fail (fault: Fault, count?: number, match?: (request: SeenRequest) => boolean): void
  /** Changes the headers of all forwarded requests. */
  rewrite (change: (headers: IncomingHttpHeaders) => IncomingHttpHeaders): void
  /** Removes all faults and closes the connections of hanging requests. */
  heal (): void
}

interface Forwarded { readonly status: number, readonly headers: IncomingHttpHeaders, readonly payload: Buffer }
interface Pending { readonly fault: Fault, left: number, readonly match: (request: SeenRequest) => boolean }

export async function faultProxy (t: Test, target: string): Promise<FaultProxy> {
  const seen: SeenRequest[] = []
  let pending: Pending[] = []
  let failed = 0
  let change = (headers: IncomingHttpHeaders): IncomingHttpHeaders => headers
  const hanging = new Set<IncomingMessage>()
  const agent = new Agent({ keepAlive: true })
  const server = createServer((request, response) => {
    void respond(request, response).catch(() => { request.socket.destroy() })
  })

  function faultFor (request: SeenRequest): Fault | undefined {
    const next = pending.find(({ left, match }) => left > 0 && match(request))
    if (next === undefined) return undefined
    next.left--
    failed++
    return next.fault
  }

  async function respond (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers: requestHeaders } = request
    const record: SeenRequest = { method, url: decodeURIComponent(url), headers: requestHeaders, cut: false }
    seen.push(record)
    response.on('close', () => { record.cut = !response.writableFinished })
    const body = Buffer.concat(await request.toArray() as Buffer[])
    const fault = faultFor(record)
    if (fault === 'reset') return void request.socket.resetAndDestroy()
    if (fault === 'hang') return void hanging.add(request)
    if (typeof fault === 'object') {
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers })
      return void response.end(fault.body ?? JSON.stringify({ error: { code: fault.status, message: `injected status ${fault.status}` } }))
    }
    // The byte at 60 bytes before the end of an upload belongs to the object's data. The object's metadata comes earlier.
    if (fault === 'damage request') body.writeUInt8(body.readUInt8(body.length - 60) ^ 1, body.length - 60)
    const { status, headers, payload } = await forward(request, body)
    if (fault === 'lose response') return void request.socket.resetAndDestroy()
    if (fault === 'damage response') payload.writeUInt8(payload.readUInt8(payload.length >> 1) ^ 1, payload.length >> 1)
    response.writeHead(status, headers)
    if (fault === 'stall response' || fault === 'cut response') {
      response.write(payload.subarray(0, payload.length >> 1), () => {
        if (fault === 'cut response') request.socket.resetAndDestroy()
        else hanging.add(request)
      })
      return
    }
    response.end(payload)
  }

  async function forward (request: IncomingMessage, body: Buffer): Promise<Forwarded> {
    const { connection: _, 'transfer-encoding': __, ...requestHeaders } = request.headers
    const headers = { ...change(requestHeaders), 'content-length': body.length }
    const forwarded = httpRequest(target + (request.url ?? ''), { method: request.method ?? 'GET', headers, agent })
    forwarded.end(body)
    const [real] = await once(forwarded, 'response') as [IncomingMessage]
    const payload = Buffer.concat(await real.toArray() as Buffer[])
    const { connection: ___, 'transfer-encoding': ____, ...kept } = real.headers
    return { status: real.statusCode ?? 0, headers: { ...kept, 'content-length': String(payload.length) }, payload }
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
    rewrite: next => { change = next },
    heal
  }
}

export const isUpload = ({ method }: SeenRequest): boolean => method === 'POST'
export const isDownload = ({ url }: SeenRequest): boolean => url.includes('alt=media')
// The probe for conditional writes and listings are neither uploads nor downloads.
export const isS3Upload = ({ method, url }: SeenRequest): boolean => method === 'PUT' && !url.includes('/.incoming/')
export const isS3Download = ({ method, url }: SeenRequest): boolean => method === 'GET' && !url.includes('list-type=')
