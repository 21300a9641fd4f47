// The parsed schemas of archived alerts, by schema id and by version number. A schema never changes, so parsed schemas do not expire.
import { LRUCache } from 'lru-cache'
import { versionIn, type SchemaPackage, type VersionNumber } from '../avro/schema-package.ts'
import { parseSchema, type AlertSchema } from '../avro/schema.ts'
import type { FramedAlert } from '../formats/framed-alert.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import { sha256 } from '../stores/checksums.ts'
import type { SchemaCache } from './schema-cache.ts'

type ArchivedSchema = Omit<FramedAlert, 'datum'>

const maxSchemas = 256
/** Hexadecimal digits that tell apart the schema packages that a server is started with. */
const digestLength = 12

export class AlertSchemas {
  readonly #cache: Pick<SchemaCache, 'get'>
  readonly #ids: () => Promise<readonly number[]>
  readonly #published: () => Promise<SchemaPackage | undefined>
  readonly #parsed = new LRUCache<number, ArchivedSchema>({ max: maxSchemas })
  #packageDigest: string | undefined

  /**
   * @param ids the ids of all archived schemas, in ascending order
   * @param published the survey's schema package, for the docs of archived schemas without docs
   */
  constructor (
    cache: Pick<SchemaCache, 'get'>, ids: () => Promise<readonly number[]>, published: () => Promise<SchemaPackage | undefined>
  ) {
    this.#cache = cache
    this.#ids = ids
    this.#published = published
  }

  /** Resolves to undefined if the schema is not archived. Rejects with SCHEMA_INVALID, or with the error of the archive. */
  async get (schemaId: number): Promise<ArchivedSchema | undefined> {
    const known = this.#parsed.get(schemaId)
    if (known !== undefined) return known
    const text = await this.#cache.get(schemaId)
    if (text === undefined) return undefined
    const schema = parseSchema(text.body.toString(), `schema ${schemaId}`)
    const archived = { schemaId, schema, published: schema.text.includes('"doc":') ? undefined : await this.#publishedLike(schema) }
    this.#parsed.set(schemaId, archived)
    return archived
  }

  /**
   * The archived schema with a version number, such as 11.1. Of several, the one with the id that the survey gives the version, otherwise
   * that with the lowest id. Resolves to undefined if there is none. Rejects with the error of the archive.
   */
  async byVersion (version: string): Promise<ArchivedSchema | undefined> {
    const [major = 0, minor = 0] = version.split('.').map(Number)
    return await this.#withVersion(major * 100 + minor, { major, minor }) ?? await this.#find({ major, minor })
  }

  /** The start of the SHA-256 of the versions of the schema package, in hexadecimal. Resolves to undefined without package. */
  async packageDigest (): Promise<string | undefined> {
    const schemas = await this.#published()
    if (schemas === undefined) return undefined
    return this.#packageDigest ??= sha256(Buffer.from(schemas.versions.map(({ text }) => text).join('\n'))).slice(0, digestLength)
  }

  async #find (version: VersionNumber): Promise<ArchivedSchema | undefined> {
    for (const schemaId of await this.#ids()) {
      const found = await this.#withVersion(schemaId, version)
      if (found !== undefined) return found
    }
    return undefined
  }

  async #withVersion (schemaId: number, { major, minor }: VersionNumber): Promise<ArchivedSchema | undefined> {
    const archived = await this.get(schemaId).catch((error: unknown) => {
      // Another schema can have the version.
      if (error instanceof AlertStreamError && error.code === 'SCHEMA_INVALID') return undefined
      throw error
    })
    if (archived === undefined) return undefined
    const version = versionIn(archived.schema.name)
    return version.major === major && version.minor === minor ? archived : undefined
  }

  /** The published schema with the version of an archived one. */
  async #publishedLike ({ name }: AlertSchema): Promise<AlertSchema | undefined> {
    const { major, minor } = versionIn(name)
    return (await this.#published())?.versions.find(({ version }) => version === `${major}.${minor}`)?.schema
  }
}
