// Sends HTTP requests to a schema registry: sets a timeout per request, retries temporary failures and maps error responses to error codes.
import { isUtf8 } from 'node:buffer'
import { registryErrors } from './errors.ts'
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { persist } from '../pipeline/retry.ts'

interface RegistryHttpOptions {
  /** Base URL of the Confluent API, without a trailing slash. */
  readonly url: string
  readonly log: Logger
  /** Timeout of one request in milliseconds. */
  readonly timeoutMs: number
  /** Maximum number of attempts if the error is retryable, including the first attempt. */
  readonly attempts: number
}

export interface RegistryResponse {
  readonly status: number
  /** The error code in the registry's response, such as 40403; 0 if the response has no error code. */
  readonly errorCode: number
  readonly message: string
  /** The parsed JSON of the response; undefined if the response is empty, not JSON or not UTF-8. */
  readonly body: unknown
  readonly json: boolean
}

export interface RegistryHttp {
  /** Sends a request with retries. Errors: REGISTRY_UNAVAILABLE (429, 5xx), REGISTRY_REFUSED (401, 403), NOT_A_REGISTRY (no JSON). */
  call (method: string, path: string, body?: unknown): Promise<RegistryResponse>
  /**
   * Sends a GET request with retries and returns any response about the requested thing, even a status 500 or a text that is not JSON.
   * Errors: REGISTRY_UNAVAILABLE (429, 5xx except 500 and 501), REGISTRY_REFUSED (401, 403).
   */
  get (path: string): Promise<RegistryResponse>
  /** Sends one request to any URL, without retries. Error: REGISTRY_UNAVAILABLE. */
  raw (method: string, url: string, init?: RawRequest): Promise<RawResponse>
  /** Calls `action` until it succeeds, until it fails with an error that is not retryable, or until the attempts are used up. */
  retrying<T> (action: () => Promise<T>): Promise<T>
}

interface RawRequest {
  readonly body?: string | Buffer
  readonly headers?: Record<string, string>
}

interface RawResponse {
  readonly status: number
  readonly text: string
  /** Whether `text` is what the registry sent. False if its bytes are not UTF-8: some characters of `text` are replacements. */
  readonly valid: boolean
  readonly json: boolean
}

const lenientUtf8 = new TextDecoder()
const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json'
/** Mean delay before the second attempt in milliseconds. The delay doubles with each further attempt. */
const RETRY_DELAY_MS = 200

export function registryHttp ({ url: base, log, timeoutMs, attempts }: RegistryHttpOptions): RegistryHttp {
  async function raw (method: string, url: string, init: RawRequest = {}): Promise<RawResponse> {
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(url, { method, ...init, signal } as RequestInit)
      const bytes = Buffer.from(await response.arrayBuffer())
      const json = /json/.test(response.headers.get('content-type') ?? '')
      return { status: response.status, text: lenientUtf8.decode(bytes), valid: isUtf8(bytes), json }
    } catch (cause) {
      const what = signal.aborted ? `the schema registry did not respond within ${timeoutMs} ms` : 'cannot reach the schema registry'
      throw registryErrors.REGISTRY_UNAVAILABLE(what, { where: `${method} ${url}`, cause })
    }
  }

  async function once (method: string, path: string, body?: unknown): Promise<RegistryResponse> {
    const url = `${base}${path}`
    const where = `${method} ${url}`
    const { status, text, valid } = await raw(method, url, {
      headers: { accept: `${CONTENT_TYPE}, application/json`, ...body === undefined ? {} : { 'content-type': CONTENT_TYPE } },
      ...body === undefined ? {} : { body: JSON.stringify(body) }
    })
    if (status === 429 || status > 501) throw unavailable(status, excerpt(text), where)
    if (status === 401 || status === 403) {
      throw registryErrors.REGISTRY_REFUSED(`the schema registry denied access (${status}): ${excerpt(text)}`, { where })
    }
    if (!valid) return { status, errorCode: 0, message: `the response is not UTF-8: ${excerpt(text)}`, body: undefined, json: false }
    const { json, parsed } = parse(text)
    const fields = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as { error_code?: unknown, message?: unknown }
    const errorCode = typeof fields.error_code === 'number' ? fields.error_code : 0
    const message = typeof fields.message === 'string' ? fields.message : excerpt(text)
    return { status, errorCode, message, body: parsed, json }
  }

  async function get (path: string): Promise<RegistryResponse> {
    let failed: RegistryResponse | undefined
    try {
      return await retrying(async () => {
        failed = undefined
        const response = await once('GET', path)
        if (response.status < 500) return response
        failed = response
        throw unavailable(response.status, response.message, `GET ${base}${path}`)
      })
    } catch (error) {
      if (failed === undefined) throw error
      return failed
    }
  }

  async function call (method: string, path: string, body?: unknown): Promise<RegistryResponse> {
    return await retrying(async () => {
      const where = `${method} ${base}${path}`
      const response = await once(method, path, body)
      if (response.status >= 500) throw unavailable(response.status, response.message, where)
      if (!response.json) throw notARegistry(response, where)
      return response
    })
  }

  async function retrying<T> (action: () => Promise<T>): Promise<T> {
    // persist() chooses each delay at random between 0 and the backoff, so a mean of RETRY_DELAY_MS requires twice that backoff.
    return await persist(action, { attempts, baseMs: 2 * RETRY_DELAY_MS, maxMs: 10_000 }, undefined, ({ message }) => {
      log.debug({ reason: message }, 'schema registry request failed: retrying')
    })
  }

  return { raw, retrying, get, call }
}

/** An empty text counts as JSON, because some responses have no body. */
function parse (text: string): { readonly json: boolean, readonly parsed?: unknown } {
  try {
    return { json: true, parsed: text === '' ? undefined : JSON.parse(text) as unknown }
  } catch {
    return { json: false }
  }
}

/** The error for a response that says that the registry is unavailable. */
export function unavailable (status: number, message: string, where: string): AlertStreamError {
  return registryErrors.REGISTRY_UNAVAILABLE(`the schema registry returned ${status}: ${message}`, { where })
}

/** The error for a response that cannot come from a schema registry. */
export function notARegistry ({ status, message }: RegistryResponse, where: string): AlertStreamError {
  return registryErrors.NOT_A_REGISTRY(`the server is not a schema registry; it returned ${status}: ${message}`, { where })
}

function excerpt (text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line === '' ? '(empty body)' : line.length > 200 ? `${line.slice(0, 200)}…` : line
}
