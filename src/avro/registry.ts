// Client for a schema registry with Confluent's API. The npm client finds the id of a schema text. RegistryHttp fetches and registers texts
// unchanged; the npm client would reject texts that avsc does not accept. Fetched texts are cached. Nothing is deleted from the registry.
import type { COMPATIBILITY, SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { LRUCache } from 'lru-cache'
import { registryErrors } from './errors.ts'
import { registerWithId } from './explicit-ids.ts'
import { findBySchemaId, findSameSchema, type RegisteredSchema, type SubjectVersions } from './registered-schema.ts'
import { notARegistry, registryHttp, unavailable, type RegistryHttp, type RegistryResponse } from './registry-http.ts'
import { compactJson } from './schema-json.ts'
import { referencesIn, selfContained, type ReferringSchema } from './schema-references.ts'
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'

export interface RegistryClientOptions {
  /** Base URL of the Confluent API: `http://host:8081`, or `http://host:8080/apis/ccompat/v7` for Apicurio. */
  readonly url: string
  readonly log?: Logger | undefined
  /** Timeout of one request in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number | undefined
  /** Maximum number of attempts if the registry is unavailable. Default: 3. */
  readonly attempts?: number | undefined
  /** Time in milliseconds after a failed lookup during which the id counts as unknown without another request. Default: 5,000. */
  readonly unknownForMs?: number | undefined
}

export type CompatibilityLevel = keyof typeof COMPATIBILITY

/** The highest id that a registry assigns. A frame can hold higher ids, which are unknown without a request. */
export const maxSchemaId = 0x7fffffff

/** All methods can fail with REGISTRY_UNAVAILABLE (retryable), NOT_A_REGISTRY or REGISTRY_REFUSED. */
export interface RegistryClient {
  readonly url: string
  /**
   * Returns the text of a schema. If it refers to other schemas, their types are included. Concurrent calls with the same id share one
   * request. Error: UNKNOWN_SCHEMA, also if the registry returns no usable schema for this id although it is otherwise healthy.
   */
  schemaById (id: number): Promise<string>
  /** Returns the id that exactly this schema text has in the subject, or undefined if the subject does not have the text. */
  idOf (subject: string, text: string): Promise<number | undefined>
  /** Returns the id of the schema in the subject, in this spelling (`exact`) or another one; undefined if the subject does not have it. */
  findId (subject: string, text: string): Promise<{ readonly id: number, readonly exact: boolean } | undefined>
  /**
   * Registers a schema text unless the subject already has it. If `id` is given, the registry must register the text under this id.
   * `created` is false if the subject already had the text. Errors: SCHEMA_INCOMPATIBLE, SCHEMA_ID_NOT_HONOURED.
   */
  register (
    subject: string, text: string, options?: { readonly id?: number | undefined }
  ): Promise<RegisteredSchema & { readonly created: boolean }>
  /** Version numbers of a subject in ascending order; empty if the subject does not exist. */
  versions (subject: string): Promise<number[]>
  /** Error: UNKNOWN_SUBJECT if the subject does not exist and the registry requires an existing subject. */
  setCompatibility (subject: string, level: CompatibilityLevel): Promise<void>
  /** The compatibility level of the subject, or undefined if it uses the default of the registry. */
  compatibility (subject: string): Promise<string | undefined>
  /** Health check: rejects unless a schema registry responds. */
  check (): Promise<void>
}

export function createRegistryClient (options: RegistryClientOptions): RegistryClient {
  const url = options.url.replace(/\/+$/, '')
  const timeoutMs = options.timeoutMs ?? 10_000
  const http = registryHttp({ url, log: options.log ?? silent, timeoutMs, attempts: options.attempts ?? 3 })
  return new Client(url, http, timeoutMs, options.unknownForMs ?? 5_000)
}

class Client implements RegistryClient, SubjectVersions {
  readonly url: string
  readonly #http: RegistryHttp
  readonly #timeoutMs: number
  readonly #unknownForMs: number
  /** Schema texts by id, and errors of unknown ids for `unknownForMs`. Concurrent lookups of the same id share one request. */
  readonly #schemas = new LRUCache<number, string | AlertStreamError>({
    max: 512,
    ignoreFetchAbort: true,
    fetchMethod: (id, _stale, { options }) => this.#fetchById(id, options)
  })
  /** Loaded on demand, because loading takes 0.2 s of CPU time and the ingester never looks up a text. */
  #library: SchemaRegistry | undefined
  /** The id that was read last. If the registry still returns its schema, a bad response for another id is not an outage. */
  #lastRead: number | undefined

  constructor (url: string, http: RegistryHttp, timeoutMs: number, unknownForMs: number) {
    this.url = url
    this.#http = http
    this.#timeoutMs = timeoutMs
    this.#unknownForMs = unknownForMs
  }

  async schemaById (id: number): Promise<string> {
    if (id > maxSchemaId) throw registryErrors.UNKNOWN_SCHEMA(`schema id ${id} is above ${maxSchemaId}, the highest id of registries`)
    const schema = await this.#schemas.forceFetch(id)
    if (schema instanceof AlertStreamError) throw schema
    return schema
  }

  async version (subject: string, version: number): Promise<RegisteredSchema> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
    const where = `GET ${this.url}${path}`
    const response = await this.#http.call('GET', path)
    if (isMissing(response)) {
      throw registryErrors.UNKNOWN_SUBJECT(`the schema registry has no version ${version} of subject ${subject}`, { where })
    }
    if (response.status !== 200) throw unexpected(response, where)
    const body = fieldsOf<{ id: number, version: number, schema: string, references: unknown }>(response)
    if (typeof body.schema !== 'string' || typeof body.id !== 'number') throw notARegistry(response, where)
    const refers = referencesIn(body.references).length > 0
    return { subject, version: body.version ?? 0, id: body.id, text: body.schema, refers }
  }

  async findId (subject: string, text: string): Promise<{ readonly id: number, readonly exact: boolean } | undefined> {
    const id = await this.idOf(subject, text)
    if (id !== undefined) return { id, exact: true }
    const same = await findSameSchema(this, subject, text)
    return same && { id: same.id, exact: false }
  }

  async idOf (subject: string, text: string): Promise<number | undefined> {
    const { SchemaRegistry, SchemaType } = await import('@kafkajs/confluent-schema-registry')
    this.#library ??= new SchemaRegistry({
      host: this.url,
      // RegistryHttp does the retries, because the npm client would also retry requests that the registry rejected.
      retry: { retries: 0 },
      middlewares: [() => ({ prepareRequest: async next => (await next()).enhance({ timeout: this.#timeoutMs }) })]
    })
    const library = this.#library
    return await this.#byLibrary(`POST ${this.url}/subjects/${subject}`, async () => {
      try {
        return await library.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema: text })
      } catch (error) {
        if ((error as Error).name === 'ConfluentSchemaRegistryError') return undefined
        throw error
      }
    })
  }

  async register (
    subject: string, text: string, { id: explicit }: { readonly id?: number | undefined } = {}
  ): Promise<RegisteredSchema & { readonly created: boolean }> {
    if (explicit !== undefined) {
      return await registerWithId(this, this.#http, subject, text, explicit, () => this.#schemas.delete(explicit))
    }
    const before = await this.idOf(subject, text)
    const id = before ?? await this.#register(subject, text)
    const found = await findBySchemaId(this, subject, id)
    if (found !== undefined) return { ...found, created: before === undefined }
    const what = `the schema registry assigned id ${id}, but no version of subject ${subject} has it`
    throw registryErrors.REGISTRY_REFUSED(what, { where: this.url })
  }

  async versions (subject: string): Promise<number[]> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const response = await this.#http.call('GET', path)
    if (response.status === 200 && Array.isArray(response.body)) return (response.body as number[]).sort((a, b) => a - b)
    if (isMissing(response)) return []
    throw unexpected(response, `GET ${this.url}${path}`)
  }

  async setCompatibility (subject: string, level: CompatibilityLevel): Promise<void> {
    const path = `/config/${encodeURIComponent(subject)}`
    const where = `PUT ${this.url}${path}`
    const response = await this.#http.call('PUT', path, { compatibility: level })
    if (response.status === 200) return
    if (isMissing(response)) throw registryErrors.UNKNOWN_SUBJECT(`the schema registry has no subject ${subject}`, { where })
    throw unexpected(response, where)
  }

  async compatibility (subject: string): Promise<string | undefined> {
    const path = `/config/${encodeURIComponent(subject)}`
    const response = await this.#http.call('GET', path)
    if (response.status === 200) return fieldsOf<{ compatibilityLevel: string }>(response).compatibilityLevel
    if (isMissing(response)) return undefined
    throw unexpected(response, `GET ${this.url}${path}`)
  }

  async check (): Promise<void> {
    const response = await this.#http.call('GET', '/subjects')
    if (response.status !== 200 || !Array.isArray(response.body)) throw notARegistry(response, `GET ${this.url}/subjects`)
  }

  async #fetchById (id: number, cache: { ttl?: number }): Promise<string | AlertStreamError> {
    try {
      const text = await this.#textOf(id)
      this.#lastRead = id
      return text
    } catch (error) {
      if (!(error instanceof AlertStreamError) || error.code !== 'UNKNOWN_SCHEMA' || this.#unknownForMs === 0) throw error
      cache.ttl = this.#unknownForMs
      return error
    }
  }

  async #textOf (id: number): Promise<string> {
    const path = `/schemas/ids/${id}`
    const where = `GET ${this.url}${path}`
    const response = await this.#http.get(path)
    if (isMissing(response)) throw registryErrors.UNKNOWN_SCHEMA(`the schema registry has no schema with id ${id}`, { where })
    const { schemaType } = fieldsOf<{ schemaType: unknown }>(response)
    if (response.status === 200 && typeof schemaType === 'string' && schemaType !== 'AVRO') {
      throw registryErrors.UNKNOWN_SCHEMA(`schema ${id} is of type ${schemaType}, not Avro`, { where })
    }
    const schema = schemaIn(response)
    if (schema === undefined) throw await this.#unusable(id, response, where)
    try {
      return await selfContained(schema, where, (subject, version) => this.#referenced(id, subject, version))
    } catch (cause) {
      if (cause instanceof AlertStreamError && (Object.hasOwn(registryErrors, cause.code))) throw cause
      throw registryErrors.UNKNOWN_SCHEMA(`the references of schema ${id} cannot be resolved: ${messageOf(cause)}`, { where, cause })
    }
  }

  async #referenced (id: number, subject: string, version: number): Promise<ReferringSchema> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
    const response = await this.#http.get(path)
    const schema = schemaIn(response)
    if (schema === undefined) throw await this.#unusable(id, response, `GET ${this.url}${path}`)
    return schema
  }

  /** The error for a response without a usable schema: UNKNOWN_SCHEMA if the registry is otherwise healthy, else a registry error. */
  async #unusable (id: number, response: RegistryResponse, where: string): Promise<AlertStreamError> {
    const fault = response.status === 200 ? notARegistry(response, where) : unexpected(response, where)
    if (!await this.#isHealthy(id)) return fault
    const what = `the schema registry has no usable schema with id ${id}; it returned ${response.status}: ${response.message}`
    return registryErrors.UNKNOWN_SCHEMA(what, { where, cause: fault })
  }

  async #isHealthy (except: number): Promise<boolean> {
    const id = this.#lastRead === except ? undefined : this.#lastRead
    try {
      const response = await this.#http.get(id === undefined ? '/subjects' : `/schemas/ids/${id}`)
      return id === undefined ? response.status === 200 && Array.isArray(response.body) : schemaIn(response) !== undefined
    } catch {
      return false
    }
  }

  async #register (subject: string, text: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const where = `POST ${this.url}${path}`
    const response = await this.#http.call('POST', path, { schema: text })
    const { id } = fieldsOf<{ id: unknown }>(response)
    if (response.status === 200 && typeof id === 'number') return id
    if (response.status !== 409) throw unexpected(response, where)
    throw registryErrors.SCHEMA_INCOMPATIBLE(`the schema registry rejected the schema as incompatible: ${response.message}`, { where })
  }

  /** Calls the npm client with retries and maps its errors to error codes. */
  async #byLibrary<T> (where: string, action: () => Promise<T>): Promise<T> {
    return await this.#http.retrying(async () => {
      try {
        return await action()
      } catch (cause) {
        if (cause instanceof AlertStreamError) throw cause
        // The npm client reports a broken connection as status 400 with the message of the system error.
        const { status } = cause as { status?: number }
        const message = messageOf(cause).replace(/^\S+ - /, '')
        if ((status ?? 0) >= 500 || /ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|socket|timeout/i.test(message)) {
          throw registryErrors.REGISTRY_UNAVAILABLE(`the schema registry is unavailable: ${message}`, { where, cause })
        }
        throw registryErrors.REGISTRY_REFUSED(`the schema registry rejected the request: ${message}`, { where, cause })
      }
    })
  }
}

/** Whether a registry reports that it does not have the requested resource: status 404 with an error code 404xx. */
function isMissing ({ status, errorCode }: RegistryResponse): boolean {
  return status === 404 && Math.floor(errorCode / 100) === 404
}

function unexpected (response: RegistryResponse, where: string): AlertStreamError {
  if (response.status === 404) return notARegistry(response, where)
  if (response.status >= 500) return unavailable(response.status, response.message, where)
  return registryErrors.REGISTRY_REFUSED(`the schema registry returned ${response.status}: ${response.message}`, { where })
}

/** The fields of the response body, or an empty object if the body is not an object. */
function fieldsOf<T extends object> ({ body }: RegistryResponse): Partial<T> {
  return typeof body === 'object' && body !== null ? body : {}
}

/** The schema in a response; undefined unless the response is about a schema and its text is JSON. A truncated text is not JSON. */
function schemaIn (response: RegistryResponse): ReferringSchema | undefined {
  const { schema, references } = fieldsOf<{ schema: unknown, references: unknown }>(response)
  if (response.status !== 200 || typeof schema !== 'string') return undefined
  try {
    compactJson(schema)
  } catch {
    return undefined
  }
  return { text: schema, references: referencesIn(references) }
}
