// Sends the upload of an object over pooled connections, at about an eighth of the CPU time of the client libraries. An upload has one
// deadline, from its start (the wait for credentials included) to the last byte of the response. Nothing is retried here, except with fresh
// credentials: the pipeline retries an upload, which is safe because an upload never replaces an object.
import type { Dispatcher } from 'undici'
import { storeErrors } from './errors.ts'
import type { Operation } from './bucket-errors.ts'

export interface UploadRequest {
  readonly origin: string
  /** Encoded path and query. */
  readonly path: string
  readonly method: 'POST' | 'PUT'
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface UploadResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** Sends one request. Rejects if the connection fails or the upload has already failed. */
export type SendUpload = (request: UploadRequest) => Promise<UploadResponse>

/** Options of the connections. The services get one request at a time per connection, and the uploads have their own deadlines. */
export const connectionOptions = { allowH2: false, headersTimeout: 0, bodyTimeout: 0, maxResponseSize: 1024 * 1024 }

/** An upload in progress: at most one request at a time. */
class Upload {
  readonly #reject: (error: Error) => void
  #controller: Dispatcher.DispatchController | undefined
  #failure: Error | undefined

  constructor (reject: (error: Error) => void) {
    this.#reject = reject
  }

  fail (error: Error): void {
    this.#failure ??= error
    this.#reject(error)
    this.#controller?.abort(error)
  }

  send (dispatcher: Dispatcher, request: UploadRequest): Promise<UploadResponse> {
    return new Promise((resolve, reject) => {
      // Credentials may arrive after the deadline. Then nothing may be uploaded, because the caller counts the upload as failed.
      if (this.#failure !== undefined) return reject(this.#failure)
      let response: Omit<UploadResponse, 'body'>
      const chunks: Buffer[] = []
      dispatcher.dispatch(request, {
        onRequestStart: controller => {
          this.#controller = controller
          if (this.#failure !== undefined) controller.abort(this.#failure)
        },
        onResponseStart: (_controller, status, headers) => { response = { status, headers: headers as UploadResponse['headers'] } },
        onResponseData: (_controller, chunk) => { chunks.push(chunk) },
        onResponseEnd: () => { resolve({ ...response, body: String(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)) }) },
        onResponseError: (_controller, error) => { reject(readable(error)) }
      })
    })
  }
}

export class UploadClient {
  readonly #dispatcher: Dispatcher
  readonly #requestMs: number
  readonly #inFlight = new Set<Upload>()
  #closed = false

  /** @param requestMs deadline of an upload in milliseconds */
  constructor (dispatcher: Dispatcher, requestMs: number) {
    this.#dispatcher = dispatcher
    this.#requestMs = requestMs
  }

  /** Settles as `work` does, or rejects with STORE_UNAVAILABLE at the deadline and when the client is closed. */
  async run<T> ({ action, where }: Operation, work: (send: SendUpload) => Promise<T>): Promise<T> {
    if (this.#closed) throw storeErrors.STORE_UNAVAILABLE(`cannot ${action}: the store is closed`, { where })
    return await new Promise<T>((resolve, reject) => {
      const upload = new Upload(reject)
      this.#inFlight.add(upload)
      // Node keeps timers of equal duration in one list, so a timer per upload costs less than a microsecond.
      const timer = setTimeout(() => {
        upload.fail(storeErrors.STORE_UNAVAILABLE(`cannot ${action}: no complete response within ${this.#requestMs} ms`, { where }))
      }, this.#requestMs)
      work(async request => await upload.send(this.#dispatcher, request)).then(resolve, reject).finally(() => {
        clearTimeout(timer)
        this.#inFlight.delete(upload)
      })
    })
  }

  /** Ends all uploads in flight and closes the connections. The uploads reject, and all later uploads reject too. */
  abort (): void {
    this.#closed = true
    for (const upload of this.#inFlight) upload.fail(storeErrors.STORE_UNAVAILABLE('the store was closed during the request'))
    void this.#dispatcher.destroy()
  }
}

/** undici's own error codes mean nothing to operators, so the message of the error replaces them. */
function readable (error: Error & { readonly code?: unknown }): Error {
  return typeof error.code === 'string' && error.code.startsWith('UND_') ? new Error(error.message, { cause: error }) : error
}
