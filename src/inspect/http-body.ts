// Reads a resource of an archive server as it was sent. fetch() would decompress the stored gzip and so lose the provenance in its header.
import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { messageOf, systemErrorCode } from '../pipeline/errors.ts'
import { inspectErrors } from './errors.ts'

interface HttpOptions {
  /** Longest body that is read, in bytes. */
  readonly maxBytes: number
  readonly timeoutMs: number
}

const checkServer = 'Check the host and the port of the URL, and that the archive server (alert-stream serve) runs there.'

/** Requests the gzip coding and returns the bytes of the body. Errors: INSPECT_NOT_FOUND (404), INSPECT_UNREADABLE. */
export async function httpBody (url: URL, { maxBytes, timeoutMs }: HttpOptions): Promise<Buffer> {
  const where = url.href
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = url.protocol === 'https:' ? requestHttps : requestHttp
      request(url, { headers: { 'accept-encoding': 'gzip' }, signal }, resolve).on('error', reject).end()
    })
    const body = await readBody(response, maxBytes)
    if (response.statusCode === 200) return body
    const what = `the server responded with ${response.statusCode}: ${body.toString('latin1', 0, 200)}`
    throw response.statusCode === 404
      ? inspectErrors.INSPECT_NOT_FOUND(what, { where })
      : inspectErrors.INSPECT_UNREADABLE(what, { where })
  } catch (cause) {
    if (cause instanceof Error && 'hint' in cause) throw cause
    // The error of an unreachable host that has several addresses has a code, but no message.
    const reason = messageOf(cause) || systemErrorCode(cause)
    const what = signal.aborted ? `the server did not respond within ${timeoutMs} ms` : `cannot read the resource: ${reason}`
    const unreachable = signal.aborted || systemErrorCode(cause) !== undefined
    throw inspectErrors.INSPECT_UNREADABLE(what, { where, cause, hint: unreachable ? checkServer : undefined })
  }
}

async function readBody (response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`the response has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
