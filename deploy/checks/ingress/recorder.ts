// Stands between a proxy and what is behind it: passes requests on as they come and remembers them, so that a check can tell what got
// through.
import { createServer, request, type IncomingHttpHeaders } from 'node:http'
import type { Context } from '../check.ts'
import { listen } from './listen.ts'

export interface Seen {
  readonly method: string
  /** As it stood in the request. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Recorder {
  readonly port: number
  readonly seen: readonly Seen[]
  /** What came since the last call. */
  taken (): Seen[]
  stop (): Promise<void>
}

/** `target` is what is put before each path: `http://127.0.0.1:8080/apis/ccompat/v7` */
export async function startRecorder (context: Context, target: string): Promise<Recorder> {
  const seen: Seen[] = []
  let read = 0
  const server = createServer((incoming, reply) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    incoming.on('end', () => {
      const body = Buffer.concat(chunks)
      seen.push({ method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body: body.toString() })
      const { host, hostname, port, pathname } = new URL(target)
      const base = pathname === '/' ? '' : pathname
      const headers = { ...incoming.headers, host, connection: 'close' }
      const outgoing = request(
        { host: hostname, port, method: incoming.method, path: base + (incoming.url ?? ''), headers, agent: false },
        answer => {
        reply.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(reply)
      })
      outgoing.on('error', () => {
        if (reply.headersSent) reply.destroy()
        else reply.writeHead(502).end()
      })
      outgoing.end(body)
    })
  })
  return {
    ...await listen(context, server),
    seen,
    taken: () => {
      const news = seen.slice(read)
      read = seen.length
      return news
    }
  }
}
