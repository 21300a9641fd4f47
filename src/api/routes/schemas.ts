// GET /v1/schemas/{id}: the Avro schema with this id, as plain JSON, unchanged from the schema registry.
import type { FastifyInstance } from 'fastify'
import { parseSchemaId } from '../../stores/layouts.ts'
import { sendImmutable } from '../conditional.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import { empty, patternUpTo, problems, response } from '../response-schemas.ts'
import type { SchemaCache } from '../schema-cache.ts'

interface SchemasOptions {
  readonly schemas: Pick<SchemaCache, 'get'>
}

const routeSchema = {
  operationId: 'getSchema',
  summary: 'The Avro schema with an id',
  description: 'The JSON text as it was in the schema registry.',
  params: {
    type: 'object', required: ['id'],
    properties: { id: { type: 'string', pattern: patternUpTo(4_294_967_295n), description: '1 to 10 decimal digits, at most 4294967295' } }
  },
  response: {
    200: response('The Avro schema.', 'application/vnd.schemaregistry.v1+json', {}),
    304: empty('The client has the schema (If-None-Match).'),
    ...problems(400, 404, 500, 503)
  }
}

export async function schemasRoute (app: FastifyInstance, { schemas }: SchemasOptions): Promise<void> {
  readOnly<{ Params: { id: string } }>(app, '/v1/schemas/:id', async (request, reply) => {
    const id = parseSchemaId(request.params.id)
    if (id === undefined) return sendProblem(reply, 400, 'a schema id is 1 to 10 decimal digits, at most 4294967295')
    const schema = await schemas.get(id)
    if (schema === undefined) return sendProblem(reply, 404, 'schema not found')
    reply.header('content-type', 'application/vnd.schemaregistry.v1+json')
    return sendImmutable(request, reply, schema.body, schema.tag)
  }, routeSchema)
}
