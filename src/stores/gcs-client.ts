// Sends HTTP requests to the JSON API of Google Cloud Storage. The official client library provides credentials, endpoint and headers.
// Each request has a deadline; failures are STORE_* errors. The library's retries are off, because the pipeline retries.
// `Storage.request` is used instead of `File.save` and `createReadStream`, because it costs half the CPU time per object, sends a body of
// known length, and never deletes an object by itself.
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import { Stream } from 'node:stream'
import { ApiError, Storage, type StorageOptions } from '@google-cloud/storage'
import type { Operation } from './bucket-errors.ts'
import { storeErrors } from './errors.ts'
import { requestError, responseError } from './gcs-errors.ts'
import type { Admit } from './object-store.ts'
import { RequestDeadlines } from './request-deadlines.ts'

interface GcsConnection {
  /** Google Cloud project. Default: the project of the credentials. */
  readonly project?: string | undefined
  /** Value of STORAGE_EMULATOR_HOST. If set, no credentials are sent. */
  readonly emulatorHost?: string | undefined
  /** Deadline of a request, from its start to the last byte of the response, in milliseconds. */
  readonly requestMs: number
}

export interface GcsRequest extends Operation {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Absolute URL, or a path relative to the JSON API. */
  readonly uri: string
  readonly query?: Readonly<Record<string, string | number>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** Statuses other than 2xx for which the request resolves instead of rejecting. */
  readonly expected?: readonly number[]
  /** Called with the announced size of a 2xx response, and with the received size if that is larger. If it throws, the request rejects. */
  readonly admit?: Admit | undefined
}

export interface GcsResponse<B> {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: B
}

export type GcsJson = Readonly<Record<string, unknown>>

/** A response as the client library returns it. */
interface LibraryResponse {
  readonly statusCode: number
  readonly headers: GcsResponse<unknown>['headers']
  readonly body: unknown
}

// The library ignores its `timeout` option, so a hanging request would hang forever. Therefore each call collects its HTTP requests,
// including token requests, from the diagnostics channel of node:http, and destroys them at its deadline.
// Requests made after the deadline are destroyed too, because the library may get a token late and start an upload after its call failed.
class Call {
  readonly #requests = new Set<ClientRequest>()
  #aborted = false

  track (request: ClientRequest): void {
    if (this.#aborted) request.destroy()
    else this.#requests.add(request)
  }

  abort (): void {
    this.#aborted = true
    for (const request of this.#requests) request.destroy()
  }

  /** Frees the requests for garbage collection: a keep-alive connection keeps a reference to the `Call` that opened it. */
  clear (): void {
    this.#requests.clear()
  }
}

const calls = new AsyncLocalStorage<Call>()
subscribe('http.client.request.created', message => { calls.getStore()?.track((message as { readonly request: ClientRequest }).request) })

export class GcsClient {
  readonly #storage: Storage
  readonly #deadlines: RequestDeadlines
  /** Base URL of uploads. */
  readonly uploads: string

  /** Throws STORE_EMULATOR_INVALID if `emulatorHost` is not an address. `options` are for the client library; only tests set them. */
  constructor ({ project, emulatorHost, requestMs }: GcsConnection, options: StorageOptions = {}) {
    const endpoint = emulatorHost === undefined || emulatorHost === '' ? undefined : endpointOf(emulatorHost)
    this.#deadlines = new RequestDeadlines(requestMs)
    this.#storage = new Storage({
      retryOptions: { autoRetry: false },
      userAgent: 'alert-stream',
      ...project === undefined ? {} : { projectId: project },
      ...endpoint === undefined ? {} : { apiEndpoint: endpoint },
      ...options
    })
    this.uploads = `${this.#storage.apiEndpoint}/upload/storage/v1`
  }

  /**
   * Sends a request and parses the response as JSON. A body that is not JSON (such as the login page of a proxy) becomes `{}`,
   * so callers must check for the fields they need. Rejects with a STORE_* error for any status that is neither 2xx nor expected.
   */
  async json (request: GcsRequest): Promise<GcsResponse<GcsJson>> {
    const response = await this.#withDeadline(request, async () => await new Promise<GcsResponse<unknown>>((resolve, reject) => {
      this.#storage.request(optionsOf(request), (error, body: unknown, response) => {
        const { statusCode: status, headers = {}, body: errorBody }: Partial<LibraryResponse> = response ?? {}
        const isErrorStatus = status !== undefined && !isSuccess(status)
        // 401 without an ApiError: the library found no token and sent the request without a token. The library's error gives the reason.
        const hadNoToken = status === 401 && !(error instanceof ApiError)
        if (isErrorStatus && !hadNoToken) resolve({ status, headers, body: errorBody })
        else if (error !== null && error !== undefined) reject(error)
        else resolve({ status: status ?? 0, headers, body })
      })
    }))
    const { status, headers, body } = checkedResponse(response, request)
    return { status, headers, body: typeof body === 'object' && body !== null && !(body instanceof Stream) ? body as GcsJson : {} }
  }

  /** Sends a request and resolves to the response body as received, without decoding its Content-Encoding. */
  async bytes (request: GcsRequest): Promise<GcsResponse<Buffer>> {
    const response = await this.#withDeadline(request, async () => await new Promise<GcsResponse<Buffer>>((resolve, reject) => {
      const chunks: Buffer[] = []
      let head: Pick<GcsResponse<Buffer>, 'status' | 'headers'> | undefined
      let received = 0
      let admitted = 0
      const stream = this.#storage.requestStream(optionsOf(request))
      const admit = (bytes: number): void => {
        if (head === undefined || !isSuccess(head.status) || bytes <= admitted) return
        admitted = bytes
        try {
          request.admit?.(bytes)
        } catch (error) {
          reject(error)
          calls.getStore()?.abort()
        }
      }
      stream.on('response', ({ statusCode, headers }: LibraryResponse) => {
        head = { status: statusCode, headers }
        admit(Number(headers['content-length'] ?? 0))
      })
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        admit(received += chunk.length)
      })
      stream.on('error', reject)
      stream.on('end', () => {
        if (head === undefined) reject(new Error('the connection ended without a response'))
        else resolve({ ...head, body: Buffer.concat(chunks) })
      })
      stream.on('close', () => { reject(new Error('the connection was closed')) })
    }))
    return checkedResponse(response, request)
  }

  /**
   * Headers with the access token, which google-auth-library fetches, caches and renews before it expires. No headers for an emulator.
   * @param rejected headers that the service rejected with 401. Their token is renewed although it has not expired.
   */
  async authorization (rejected?: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    const { authClient: auth, customEndpoint, useAuthWithCustomEndpoint, apiEndpoint } = this.#storage
    if (customEndpoint && useAuthWithCustomEndpoint !== true) return {}
    const client = await auth.getClient()
    const current = async () => Object.fromEntries(await client.getRequestHeaders(`${apiEndpoint}/`))
    const headers = await current()
    if (rejected === undefined || headers['authorization'] !== rejected['authorization']) return headers
    client.setCredentials({ ...client.credentials, expiry_date: 1 })
    return await current()
  }

  /** Destroys all requests in flight. Their calls reject, and all later calls reject too. */
  abort (): void {
    this.#deadlines.close()
  }

  async #withDeadline<T> (operation: Operation, work: () => Promise<T>): Promise<T> {
    const call = new Call()
    try {
      return await this.#deadlines.run(operation, async signal => {
        if (signal.aborted) call.abort()
        signal.addEventListener('abort', () => { call.abort() })
        return await calls.run(call, work)
      })
    } catch (error) {
      throw requestError(error, operation)
    } finally {
      call.clear()
    }
  }
}

function optionsOf ({ method = 'GET', uri, query, headers, body }: GcsRequest): Parameters<Storage['request']>[0] {
  return {
    method, uri,
    ...query === undefined ? {} : { qs: { ...query } },
    ...headers === undefined ? {} : { headers: { ...headers } },
    ...body === undefined ? {} : { body }
  }
}

/** Throws a STORE_* error if the status is neither 2xx nor expected. */
export function checkedResponse<B> (response: GcsResponse<B>, request: GcsRequest): GcsResponse<B> {
  const { status, body } = response
  if (isSuccess(status) || request.expected?.includes(status) === true) return response
  throw responseError({ status, body: Buffer.isBuffer(body) ? parsedJson(body.toString()) : body }, request)
}

function isSuccess (status: number): boolean {
  return status >= 200 && status <= 299
}

/** The value of a JSON text, or the text itself if it is not JSON. */
export function parsedJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

// Google's Go client expects `host:port` in STORAGE_EMULATOR_HOST, and its Python client expects a URL. Removes the path of the JSON API.
function endpointOf (emulatorHost: string): string {
  const url = URL.parse(/^https?:\/\//i.test(emulatorHost) ? emulatorHost : `http://${emulatorHost}`)
  if (url === null || !/^\/(storage\/v1\/?)?$/.test(url.pathname) || url.search !== '') {
    throw storeErrors.STORE_EMULATOR_INVALID(`STORAGE_EMULATOR_HOST is ${JSON.stringify(emulatorHost)}, which is not an address`)
  }
  return url.origin
}
