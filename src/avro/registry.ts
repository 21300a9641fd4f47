// Client of a schema registry by Confluent's API. Schema texts come and go exactly as they are (docs and defaults kept): the npm client looks up
// and registers, but parses what it fetches, so that the text is fetched by plain HTTP. A schema id never changes its schema, so texts are
// cached; concurrent look-ups of one id are one request; an unknown id is asked for again after a few seconds.
// It never deletes anything.
import { type COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { LRUCache } from 'lru-cache'
import { registryErrors } from './errors.ts'
import { notARegistry, registryHttp, type Answer, type RegistryHttp } from './registry-http.ts'
import { registerWithId } from './registry-ids.ts'
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'

export interface RegistryClientOptions {
  /** Base URL of the Confluent API: `http://host:8081`, `http://host:8080/apis/ccompat/v7`. */
  readonly url: string
  readonly log?: Logger | undefined
  /** Limit of one request, default 10,000 ms. */
  readonly timeoutMs?: number | undefined
  /** Tries in all where the registry is unavailable, default 3; the first pause (200 ms) doubles. */
  readonly attempts?: number | undefined
  readonly retryDelayMs?: number | undefined
  /** How long an unknown id is believed to be unknown, default 5,000 ms. */
  readonly unknownForMs?: number | undefined
}

export interface RegisteredSchema {
  readonly subject: string
  readonly version: number
  readonly id: number
  /** As the registry has it. */
  readonly text: string
}

export type CompatibilityLevel = keyof typeof COMPATIBILITY

/** Every method may fail with REGISTRY_UNAVAILABLE (retryable), NOT_A_REGISTRY or REGISTRY_REFUSED. */
export interface RegistryClient {
  readonly url: string
  /** The schema's text. Error: UNKNOWN_SCHEMA. */
  schemaById (id: number, signal?: AbortSignal): Promise<string>
  /** Error: UNKNOWN_SUBJECT. */
  latest (subject: string): Promise<RegisteredSchema>
  /** Error: UNKNOWN_SUBJECT. */
  version (subject: string, version: number): Promise<RegisteredSchema>
  /** The id under which the subject has exactly this text, or undefined. */
  idOf (subject: string, text: string): Promise<number | undefined>
  /**
   * Registers a text, unless the subject has it already. With `id` the registry is made to use that id, and the answer is read back.
   * `created` says whether anything was written. Errors: SCHEMA_INCOMPATIBLE, SCHEMA_ID_NOT_HONOURED.
   */
  register (subject: string, text: string, options?: { readonly id?: number | undefined }): Promise<RegisteredSchema & { readonly created: boolean }>
  subjects (): Promise<string[]>
  /** Version numbers of a subject, ascending; none where there is no such subject. */
  versions (subject: string): Promise<number[]>
  /** Error: UNKNOWN_SUBJECT where the registry wants a subject to exist first. */
  setCompatibility (subject: string, level: CompatibilityLevel): Promise<void>
  /** The level that applies to the subject, or undefined where only the registry's default does. */
  compatibility (subject: string): Promise<string | undefined>
  /** Resolves if a schema registry answers at the URL. */
  check (signal?: AbortSignal): Promise<void>
}

export function createRegistryClient (options: RegistryClientOptions): RegistryClient {
  const url = options.url.replace(/\/+$/, '')
  const timeoutMs = options.timeoutMs ?? 10_000
  const http = registryHttp({ url, log: options.log ?? silent, timeoutMs, attempts: options.attempts ?? 3, retryDelayMs: options.retryDelayMs ?? 200 })
  return new Client(url, http, timeoutMs, options.unknownForMs ?? 5_000)
}

class Client implements RegistryClient {
  readonly url: string
  readonly #http: RegistryHttp
  readonly #library: SchemaRegistry
  readonly #unknownForMs: number
  /** Schema texts by id; for a while also the errors of unknown ids. Concurrent lookups of one id share one request. */
  readonly #schemas = new LRUCache<number, string | AlertStreamError>({
    max: 512,
    ignoreFetchAbort: true,
    fetchMethod: (id, _stale, { options }) => this.#fetchById(id, options)
  })

  constructor (url: string, http: RegistryHttp, timeoutMs: number, unknownForMs: number) {
    this.url = url
    this.#http = http
    this.#unknownForMs = unknownForMs
    this.#library = new SchemaRegistry({
      host: url,
      // Retries are ours: the library's would also repeat what was refused.
      retry: { retries: 0 },
      middlewares: [() => ({ prepareRequest: async next => (await next()).enhance({ timeout: timeoutMs }) })]
    })
  }

  async schemaById (id: number, signal?: AbortSignal): Promise<string> {
    // The request is not tied to one caller's signal: other callers may share it.
    const found = this.#schemas.forceFetch(id)
    const schema = signal === undefined ? await found : await untilAborted(found, signal)
    if (schema instanceof AlertStreamError) throw schema
    return schema
  }

  async latest (subject: string): Promise<RegisteredSchema> {
    return await this.#versionAt(subject, 'latest')
  }

  async version (subject: string, version: number): Promise<RegisteredSchema> {
    return await this.#versionAt(subject, version)
  }

  async idOf (subject: string, text: string): Promise<number | undefined> {
    return await this.#byLibrary(`POST ${this.url}/subjects/${subject}`, async () => {
      try {
        return await this.#library.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema: text })
      } catch (error) {
        if ((error as Error).name === 'ConfluentSchemaRegistryError') return undefined
        throw error
      }
    })
  }

  async register (
    subject: string, text: string, options: { readonly id?: number | undefined } = {}
  ): Promise<RegisteredSchema & { readonly created: boolean }> {
    if (options.id !== undefined) return { ...await registerWithId(this, this.#http, subject, text, options.id, () => this.#schemas.delete(options.id!)) }
    const before = await this.idOf(subject, text)
    const id = before ?? await this.#register(subject, text)
    return { ...await this.#find(subject, id), created: before === undefined }
  }

  async subjects (): Promise<string[]> {
    const answer = await this.#http.call('GET', '/subjects')
    if (answer.status !== 200 || !Array.isArray(answer.body)) throw notARegistry(answer, `GET ${this.url}/subjects`)
    return answer.body as string[]
  }

  async versions (subject: string): Promise<number[]> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const answer = await this.#http.call('GET', path)
    if (answer.status === 200 && Array.isArray(answer.body)) return (answer.body as number[]).sort((a, b) => a - b)
    if (this.#isMissing(answer)) return []
    throw this.#refused(answer, `GET ${this.url}${path}`)
  }

  async setCompatibility (subject: string, level: CompatibilityLevel): Promise<void> {
    const path = `/config/${encodeURIComponent(subject)}`
    const answer = await this.#http.call('PUT', path, { compatibility: level })
    if (answer.status === 200) return
    if (this.#isMissing(answer)) throw registryErrors.UNKNOWN_SUBJECT(`the registry has no subject ${subject} yet`, { where: `PUT ${this.url}${path}` })
    throw this.#refused(answer, `PUT ${this.url}${path}`)
  }

  async compatibility (subject: string): Promise<string | undefined> {
    const path = `/config/${encodeURIComponent(subject)}`
    const answer = await this.#http.call('GET', path)
    if (answer.status === 200) return fieldsOf<{ compatibilityLevel: string }>(answer).compatibilityLevel
    if (this.#isMissing(answer)) return undefined
    throw this.#refused(answer, `GET ${this.url}${path}`)
  }

  async check (signal?: AbortSignal): Promise<void> {
    const answer = await this.#http.call('GET', '/subjects', undefined, signal)
    if (answer.status !== 200 || !Array.isArray(answer.body)) throw notARegistry(answer, `GET ${this.url}/subjects`)
  }

  async #fetchById (id: number, cache: { ttl?: number }): Promise<string | AlertStreamError> {
    const where = `GET ${this.url}/schemas/ids/${id}`
    const answer = await this.#http.call('GET', `/schemas/ids/${id}`)
    if (answer.status === 200) {
      const { schema, schemaType } = fieldsOf<{ schema: unknown, schemaType: unknown }>(answer)
      if (typeof schema !== 'string') throw notARegistry(answer, where)
      if (typeof schemaType === 'string' && schemaType !== 'AVRO') {
        throw registryErrors.UNKNOWN_SCHEMA(`schema ${id} is ${schemaType}, not Avro`, { where })
      }
      // An answer that was cut on its way must neither be believed for ever nor be held against the alerts that name it.
      if (!isJson(schema)) throw notARegistry(answer, where)
      return schema
    }
    if (!this.#isMissing(answer)) throw this.#refused(answer, where)
    const unknown = registryErrors.UNKNOWN_SCHEMA(`the schema registry has no schema with id ${id}`, { where })
    if (this.#unknownForMs === 0) throw unknown
    cache.ttl = this.#unknownForMs
    return unknown
  }

  async #versionAt (subject: string, version: number | 'latest'): Promise<RegisteredSchema> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
    const where = `GET ${this.url}${path}`
    const answer = await this.#http.call('GET', path)
    if (this.#isMissing(answer)) {
      throw registryErrors.UNKNOWN_SUBJECT(`the schema registry has no ${version === 'latest' ? '' : `version ${version} of `}subject ${subject}`, { where })
    }
    if (answer.status !== 200) throw this.#refused(answer, where)
    const body = fieldsOf<{ id: number, version: number, schema: string }>(answer)
    if (typeof body.schema !== 'string' || typeof body.id !== 'number') throw notARegistry(answer, where)
    return { subject, version: body.version ?? 0, id: body.id, text: body.schema }
  }

  async #register (subject: string, text: string): Promise<number> {
    // The library registers only where the subject's level is the one it is told.
    const level = await this.compatibility(subject) ?? 'NONE'
    const { id } = await this.#byLibrary(`POST ${this.url}/subjects/${subject}/versions`, () =>
      this.#library.register({ type: SchemaType.AVRO, schema: text }, { subject, compatibility: level as COMPATIBILITY, updateConfig: false }))
    return id
  }

  /** The newest version of the subject that has this id. */
  async #find (subject: string, id: number): Promise<RegisteredSchema> {
    for (const version of (await this.versions(subject)).reverse()) {
      const found = await this.#versionAt(subject, version)
      if (found.id === id) return found
    }
    throw registryErrors.REGISTRY_REFUSED(`the registry gave id ${id}, but no version of subject ${subject} has it`, { where: this.url })
  }

  async #byLibrary<T> (where: string, action: () => Promise<T>): Promise<T> {
    return await this.#http.retrying(async () => {
      try {
        return await action()
      } catch (cause) {
        if (cause instanceof AlertStreamError) throw cause
        // The library reports a broken connection as status 400, with the system's message.
        const { status } = cause as { status?: number }
        const message = messageOf(cause).replace(/^\S+ - /, '')
        if (status === 409) throw registryErrors.SCHEMA_INCOMPATIBLE(`the registry refused the schema as incompatible: ${message}`, { where, cause })
        if ((status ?? 0) >= 500 || /ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|socket|timeout/i.test(message)) {
          throw registryErrors.REGISTRY_UNAVAILABLE(`the schema registry cannot be used: ${message}`, { where, cause })
        }
        throw registryErrors.REGISTRY_REFUSED(`the registry refused: ${message}`, { where, cause })
      }
    })
  }

  #isMissing (answer: Answer): boolean {
    return answer.status === 404 && Math.floor(answer.errorCode / 100) === 404
  }

  #refused (answer: Answer, where: string): AlertStreamError {
    if (answer.status === 404) return notARegistry(answer, where)
    return registryErrors.REGISTRY_REFUSED(`the registry answered ${answer.status}: ${answer.message}`, { where })
  }
}

/** The answer's fields; none where it is `null`, nothing at all or no object. */
function fieldsOf<T extends object> ({ body }: Answer): Partial<T> {
  return typeof body === 'object' && body !== null ? body : {}
}

function isJson (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

async function untilAborted<T> (pending: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = (): void => { reject(signal.reason as Error) }
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([pending, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
