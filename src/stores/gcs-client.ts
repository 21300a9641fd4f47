// One HTTP request to Google Cloud Storage at a time: by the official client library (credentials, endpoint, headers), under a deadline, every
// failure as a STORE_* error. The library's own retries are off: retrying is the pipeline's business, and two layers would multiply.
// Its `request` is used rather than `File.save` and `createReadStream`: half the CPU time per object, a body of known length, and no deletion of
// objects behind our back.
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import { type ClientRequest } from 'node:http'
import { Stream } from 'node:stream'
import { ApiError, Storage, type StorageOptions } from '@google-cloud/storage'
import { failureError, refusalError, type Attempt } from './gcs-errors.ts'
import { storeErrors } from './errors.ts'

export interface GcsConnection {
  /** Google Cloud project; default: that of the credentials. */
  readonly project?: string | undefined
  /** STORAGE_EMULATOR_HOST, if it is set: then no credentials are needed or sent. */
  readonly emulatorHost?: string | undefined
  /** How long a request may take to its last byte, milliseconds. */
  readonly requestMs: number
}

/** A request of the JSON API; `uri` below the bucket service, or absolute. */
export interface GcsRequest extends Attempt {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly uri: string
  readonly query?: Readonly<Record<string, string | number>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** Answers other than 2xx that the caller understands. */
  readonly expected?: readonly number[]
}

export interface GcsAnswer<B> {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: B
}

export type GcsJson = Readonly<Record<string, unknown>>

/** What the library calls a response. */
interface Answered {
  readonly statusCode: number
  readonly headers: GcsAnswer<unknown>['headers']
  readonly body: unknown
}

// The library's `timeout` does nothing (its fetch dropped that option), so a request that hangs would do so for ever. The HTTP requests that a
// call makes, those for a token included, are found by the channel on which node:http announces them, and destroyed at the deadline. So is one
// that a call makes after it: the library tries for a token again, and would then upload what nobody waits for, without a deadline.
class Call {
  readonly #requests = new Set<ClientRequest>()
  #over = false

  made (request: ClientRequest): void {
    if (this.#over) request.destroy()
    else this.#requests.add(request)
  }

  cut (): void {
    this.#over = true
    for (const request of this.#requests) request.destroy()
  }

  /** A connection that is kept remembers the call that opened it, and would keep the call's requests too. */
  forget (): void {
    this.#requests.clear()
  }
}

const calls = new AsyncLocalStorage<Call>()
subscribe('http.client.request.created', message => { calls.getStore()?.made((message as { readonly request: ClientRequest }).request) })

export class GcsClient {
  readonly #storage: Storage
  readonly #requestMs: number
  readonly #underway = new Set<Call>()
  #aborted = false
  /** Base of uploads' URIs. */
  readonly uploads: string

  /** `options` are the library's, for tests of credentials. Throws STORE_EMULATOR_INVALID. */
  constructor ({ project, emulatorHost, requestMs }: GcsConnection, options: StorageOptions = {}) {
    const endpoint = emulatorHost === undefined || emulatorHost === '' ? undefined : endpointOf(emulatorHost)
    this.#requestMs = requestMs
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
   * The JSON of an answer; empty where it is none (a login page of a proxy): the caller looks for what it needs. An answer that is neither 2xx
   * nor expected rejects, as do silence and a broken connection.
   */
  async json (request: GcsRequest): Promise<GcsAnswer<GcsJson>> {
    const answer = await this.#within(request, async () => await new Promise<GcsAnswer<unknown>>((resolve, reject) => {
      this.#storage.request(optionsOf(request), (error, body: unknown, response) => {
        const answered: Partial<Answered> = response ?? {}
        const { statusCode: status, headers = {} } = answered
        const refused = status !== undefined && (status < 200 || status > 299)
        // Asked without a token, for there was none: the library's own words say why.
        const tokenless = status === 401 && !(error instanceof ApiError)
        if (refused && !tokenless) resolve({ status, headers, body: answered.body })
        else if (error !== null && error !== undefined) reject(error)
        else resolve({ status: status ?? 0, headers, body })
      })
    }))
    const { status, headers, body } = checked(answer, request)
    return { status, headers, body: typeof body === 'object' && body !== null && !(body instanceof Stream) ? body as GcsJson : {} }
  }

  /** The bytes of an answer, as they came: not decoded, whatever its Content-Encoding. */
  async bytes (request: GcsRequest): Promise<GcsAnswer<Buffer>> {
    const answer = await this.#within(request, async () => await new Promise<GcsAnswer<Buffer>>((resolve, reject) => {
      const chunks: Buffer[] = []
      let head: Pick<GcsAnswer<Buffer>, 'status' | 'headers'> | undefined
      const stream = this.#storage.requestStream(optionsOf(request))
      stream.on('response', ({ statusCode, headers }: Answered) => { head = { status: statusCode, headers } })
      stream.on('data', (chunk: Buffer) => { chunks.push(chunk) })
      stream.on('error', reject)
      stream.on('end', () => {
        if (head === undefined) reject(new Error('the connection ended without an answer'))
        else resolve({ ...head, body: Buffer.concat(chunks) })
      })
      stream.on('close', () => { reject(new Error('the connection was closed')) })
    }))
    return checked(answer, request)
  }

  /** Destroys what is under way: its calls reject, and so do later ones. */
  abort (): void {
    this.#aborted = true
    for (const call of this.#underway) call.cut()
  }

  async #within<T> ({ doing, where }: Attempt, work: () => Promise<T>): Promise<T> {
    const call = new Call()
    if (this.#aborted) call.cut()
    this.#underway.add(call)
    let timer: NodeJS.Timeout | undefined
    try {
      return await Promise.race([
        calls.run(call, work),
        new Promise<never>((_, reject) => {
          timer = setTimeout(() => {
            reject(storeErrors.STORE_UNAVAILABLE(`${doing} failed: no whole answer within ${this.#requestMs} ms`, { where }))
            call.cut()
          }, this.#requestMs)
        })
      ])
    } catch (error) {
      throw failureError(error, { doing, where })
    } finally {
      clearTimeout(timer)
      this.#underway.delete(call)
      call.forget()
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

function checked<B> (answer: GcsAnswer<B>, request: GcsRequest): GcsAnswer<B> {
  const { status, body } = answer
  if ((status >= 200 && status < 300) || request.expected?.includes(status) === true) return answer
  throw refusalError({ status, body: Buffer.isBuffer(body) ? parsed(body) : body }, request)
}

function parsed (body: Buffer): unknown {
  const text = body.toString()
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The base URL that STORAGE_EMULATOR_HOST means: `host:port` as Go's client has it, a URL as Python's; a path to the API is dropped. */
export function endpointOf (emulatorHost: string): string {
  const url = URL.parse(/^https?:\/\//i.test(emulatorHost) ? emulatorHost : `http://${emulatorHost}`)
  if (url === null || !/^\/(storage\/v1\/?)?$/.test(url.pathname) || url.search !== '') {
    throw storeErrors.STORE_EMULATOR_INVALID(`${JSON.stringify(emulatorHost)} is not the address of a storage emulator`)
  }
  return url.origin
}
