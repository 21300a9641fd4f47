// HTTP to a schema registry: one request with a time limit, what its answer means, and a few more tries where trying again can help.
import { registryErrors } from './errors.ts'
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { persist } from '../pipeline/retry.ts'

export interface RegistryHttpOptions {
  /** Base of the Confluent API; `/schemas/ids/1` is appended. */
  readonly url: string
  readonly log: Logger
  /** Limit of one request in milliseconds. */
  readonly timeoutMs: number
  /** Tries in all for what is retryable. */
  readonly attempts: number
  /** Pause before the second try, in milliseconds; doubles each time, with jitter. */
  readonly retryDelayMs: number
}

export interface Answer {
  readonly status: number
  /** The registry's own code, `40403` and the like; 0 where there is none. */
  readonly errorCode: number
  readonly message: string
  readonly body: unknown
}

export interface RegistryHttp {
  /** The answer, whatever its status below 500. Errors: REGISTRY_UNAVAILABLE, NOT_A_REGISTRY. */
  call (method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Answer>
  /** One request to any URL. Errors: REGISTRY_UNAVAILABLE. */
  raw (method: string, url: string, init?: { readonly body?: string | Buffer, readonly headers?: Record<string, string> }, signal?: AbortSignal): Promise<RawAnswer>
  /** Runs `action` again while its error is retryable. */
  retrying<T> (action: () => Promise<T>, signal?: AbortSignal): Promise<T>
}

interface RawAnswer {
  readonly status: number
  readonly text: string
  readonly json: boolean
}

const contentType = 'application/vnd.schemaregistry.v1+json'

export function registryHttp (options: RegistryHttpOptions): RegistryHttp {
  const { url: base, log, timeoutMs, attempts, retryDelayMs } = options

  async function raw (
    method: string, url: string, init: { readonly body?: string | Buffer, readonly headers?: Record<string, string> } = {}, signal?: AbortSignal
  ): Promise<RawAnswer> {
    const limit = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(url, { method, ...init, signal: signal === undefined ? limit : AbortSignal.any([signal, limit]) } as RequestInit)
      const text = await response.text()
      return { status: response.status, text, json: /json/.test(response.headers.get('content-type') ?? '') }
    } catch (cause) {
      signal?.throwIfAborted()
      const what = limit.aborted ? `the schema registry did not answer within ${timeoutMs} ms` : 'the schema registry cannot be reached'
      throw registryErrors.REGISTRY_UNAVAILABLE(what, { where: `${method} ${url}`, cause })
    }
  }

  async function once (method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
    const url = `${base}${path}`
    const where = `${method} ${url}`
    const { status, text } = await raw(method, url, {
      headers: { accept: `${contentType}, application/json`, ...body === undefined ? {} : { 'content-type': contentType } },
      ...body === undefined ? {} : { body: JSON.stringify(body) }
    }, signal)
    if (status >= 500 || status === 429) {
      throw registryErrors.REGISTRY_UNAVAILABLE(`the schema registry answered ${status}: ${excerpt(text)}`, { where })
    }
    if (status === 401 || status === 403) throw registryErrors.REGISTRY_REFUSED(`the schema registry refused access (${status}): ${excerpt(text)}`, { where })
    let parsed: unknown
    try {
      parsed = text === '' ? undefined : JSON.parse(text)
    } catch {
      throw registryErrors.NOT_A_REGISTRY(`what answers (${status}) is no schema registry: ${excerpt(text)}`, { where })
    }
    const fields = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as { error_code?: unknown, message?: unknown }
    const errorCode = typeof fields.error_code === 'number' ? fields.error_code : 0
    const message = typeof fields.message === 'string' ? fields.message : excerpt(text)
    return { status, errorCode, message, body: parsed }
  }

  async function retrying<T> (action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      // Full jitter: the pause is retryDelayMs on average.
      return await persist(action, { attempts, baseMs: 2 * retryDelayMs, maxMs: 10_000 }, signal, ({ message }) => {
        log.debug({ reason: message }, 'schema registry request failed: retrying')
      })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  }

  return { raw, retrying, call: (method, path, body, signal) => retrying(() => once(method, path, body, signal), signal) }
}

/** A 404 that is no registry's: a registry answers with codes 404xx. */
export function notARegistry (answer: Answer, where: string): AlertStreamError {
  return registryErrors.NOT_A_REGISTRY(`what answers (${answer.status}) does not speak a schema registry's API: ${answer.message}`, { where })
}

function excerpt (text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line === '' ? '(nothing)' : line.length > 200 ? `${line.slice(0, 200)}…` : line
}
