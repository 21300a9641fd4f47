// The read-only part of the Confluent Schema Registry API, from the archive, so that consumers decode alerts while the registry is down:
// /subjects, /subjects/{subject}/versions[/{version}[/schema]] and /schemas/ids/{id}[/schema|/versions|/subjects].
// The archive knows no subjects. All its schemas are versions of one subject, and the version of a schema is its id, so that versions never
// change when schemas are archived later.
import type { FastifyInstance, FastifyReply } from 'fastify'
import { parseSchemaId } from '../../stores/layouts.ts'
import { readOnly } from '../read-only-routes.ts'
import { patternUpTo, response } from '../response-schemas.ts'
import type { SchemaCache } from '../schema-cache.ts'

interface RegistryOptions {
  readonly schemas: Pick<SchemaCache, 'get'>
  /** The ids of all archived schemas, in ascending order. */
  readonly ids: () => Promise<readonly number[]>
  /** The subject of all schemas. */
  readonly subject: string
}

const mediaType = 'application/vnd.schemaregistry.v1+json'

/** Error codes of the Confluent Schema Registry that its clients know. */
const errors = {
  subject: [404, 40401, 'Subject not found.'],
  version: [404, 40402, 'Version not found.'],
  schema: [404, 40403, 'Schema not found.'],
  invalidVersion: [422, 42202, 'The version is neither latest nor a positive number.']
} as const

const problem = {
  type: 'object', required: ['error_code', 'message'], additionalProperties: false,
  properties: { error_code: { type: 'integer' }, message: { type: 'string', description: 'What happened.' } }
}
const failure = (description: string) => response(description, mediaType, problem)
const failures = {
  400: failure('The request is not valid.'), 404: failure('There is no such subject, version or schema.'),
  500: failure('The stored schema is damaged or too large.'), 503: failure('The server is overloaded, or the store is not available.')
}
const withVersion = { ...failures, 422: failure('The version is not valid.') }

const text = { type: 'string', description: 'The Avro schema as JSON text.' }
const anyOfId = { type: 'string', pattern: patternUpTo(4_294_967_295n), description: '1 to 10 decimal digits, at most 4294967295.' }
const idParams = { type: 'object', required: ['id'], properties: { id: anyOfId } }
const subjectParam = { type: 'string', minLength: 1, description: 'The subject of the alert schemas.' }
const subjectParams = { type: 'object', required: ['subject'], properties: { subject: subjectParam } }
const versionParams = {
  type: 'object', required: ['subject', 'version'],
  properties: { subject: subjectParam, version: { type: 'string', description: 'A schema id, or latest (the highest id).' } }
}
const list = (type: string) => ({ type: 'array', items: { type } })

interface ById { Params: { readonly id: string } }
interface BySubject { Params: { readonly subject: string } }
interface ByVersion { Params: { readonly subject: string, readonly version: string } }

export async function registryRoutes (app: FastifyInstance, { schemas, ids, subject }: RegistryOptions): Promise<void> {
  explainAsRegistry(app)

  const get = async (id: number): Promise<string | undefined> => (await schemas.get(id))?.body.toString()

  function route<T extends ById | BySubject | ByVersion> (
    path: string, documentation: { readonly operationId: string, readonly summary: string, readonly params?: unknown, readonly ok: object },
    handler: (params: T['Params'], reply: FastifyReply) => Promise<FastifyReply>
  ): void {
    const { ok, ...texts } = documentation
    const responses = { 200: response('Found.', mediaType, { ...ok }), ...path.includes(':version') ? withVersion : failures }
    const schema = { ...texts, response: responses }
    readOnly<{ Params: T['Params'] }>(app, path, async (request, reply) => await handler(request.params as T['Params'], reply), schema)
  }

  /** The schema of a version, or the response that says why there is none. */
  async function versionOf (
    { subject: name, version }: ByVersion['Params'], reply: FastifyReply
  ): Promise<{ readonly id: number, readonly schema: string } | FastifyReply> {
    if (name !== subject) return fail(reply, 'subject')
    const latest = version === 'latest' || version === '-1'
    const id = latest ? (await ids()).at(-1) : parseSchemaId(version)
    if (id === undefined) return fail(reply, latest ? 'subject' : 'invalidVersion')
    const schema = await get(id)
    return schema === undefined ? fail(reply, 'version') : { id, schema }
  }

  route('/subjects', {
    operationId: 'listSubjects', summary: 'Subjects of the archived schemas', ok: list('string')
  }, async (_params, reply) => send(reply, (await ids()).length === 0 ? [] : [subject]))

  route<BySubject>('/subjects/:subject/versions', {
    operationId: 'listVersions', summary: 'Versions of a subject', params: subjectParams, ok: list('integer')
  }, async ({ subject: name }, reply) => {
    const versions = name === subject ? await ids() : []
    return versions.length === 0 ? fail(reply, 'subject') : send(reply, versions)
  })

  const described = {
    type: 'object', required: ['subject', 'version', 'id', 'schema'], additionalProperties: false,
    properties: { subject: { type: 'string' }, version: { type: 'integer' }, id: { type: 'integer' }, schema: text }
  }
  route<ByVersion>('/subjects/:subject/versions/:version', {
    operationId: 'getVersion', summary: 'The schema of a version', params: versionParams, ok: described
  }, async (params, reply) => {
    const found = await versionOf(params, reply)
    return 'schema' in found ? send(reply, { subject, version: found.id, ...found }) : found
  })

  route<ByVersion>('/subjects/:subject/versions/:version/schema', {
    operationId: 'getVersionText', summary: 'The text of the schema of a version', params: versionParams, ok: {}
  }, async (params, reply) => {
    const found = await versionOf(params, reply)
    return 'schema' in found ? sendText(reply, found.schema) : found
  })

  function schemaRoute (
    path: string, texts: { readonly operationId: string, readonly summary: string, readonly ok: object },
    body: (schema: string, id: number) => string
  ): void {
    route<ById>(`/schemas/ids/:id${path}`, { ...texts, params: idParams }, async (params, reply) => {
      const id = parseSchemaId(params.id)
      const schema = id === undefined ? undefined : await get(id)
      return schema === undefined ? fail(reply, 'schema') : sendText(reply, body(schema, id!))
    })
  }
  const wrapped = { type: 'object', required: ['schema'], additionalProperties: false, properties: { schema: text } }
  schemaRoute('', { operationId: 'getRegistrySchema', summary: 'The schema with an id', ok: wrapped }, schema => JSON.stringify({ schema }))
  schemaRoute('/schema', { operationId: 'getRegistrySchemaText', summary: 'The text of the schema with an id', ok: {} }, schema => schema)
  schemaRoute('/subjects', {
    operationId: 'getSchemaSubjects', summary: 'Subjects of the schema with an id', ok: list('string')
  }, () => JSON.stringify([subject]))
  schemaRoute('/versions', {
    operationId: 'getSchemaVersions', summary: 'Subjects and versions of the schema with an id',
    ok: { type: 'array', items: { type: 'object', properties: { subject: { type: 'string' }, version: { type: 'integer' } } } }
  }, (_schema, id) => JSON.stringify([{ subject, version: id }]))
}

function send (reply: FastifyReply, value: unknown): FastifyReply {
  return sendText(reply, JSON.stringify(value))
}

function sendText (reply: FastifyReply, text: string): FastifyReply {
  // For text, Fastify would add a charset to the media type.
  const body = Buffer.from(text)
  return reply.headers({ 'content-type': mediaType, 'content-length': body.length }).send(body)
}

function fail (reply: FastifyReply, error: keyof typeof errors): FastifyReply {
  const [status, code, message] = errors[error]
  return send(reply.code(status), { error_code: code, message })
}

/** Gives all other errors (`{"detail": "..."}`) the form of the Confluent Schema Registry. */
function explainAsRegistry (app: FastifyInstance): void {
  app.addHook('onSend', async (_request, reply, payload) => {
    if (reply.statusCode < 400 || typeof payload !== 'string') return payload
    const { detail } = JSON.parse(payload) as { readonly detail?: string }
    if (detail === undefined) return payload
    // 50001: error in the backend data store.
    const body = JSON.stringify({ error_code: reply.statusCode >= 500 ? 50001 : reply.statusCode, message: detail })
    reply.headers({ 'content-type': mediaType, 'content-length': Buffer.byteLength(body) })
    return body
  })
}
