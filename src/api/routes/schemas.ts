// GET /v1/schemas/{id}: the Avro schema with this id, as plain JSON, unchanged from the schema registry.
import type { FastifyInstance } from 'fastify'
import { parseSchemaId } from '../../stores/layouts.ts'
import { sendImmutable } from '../conditional.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import type { SchemaCache } from '../schema-cache.ts'

interface SchemasOptions {
  readonly schemas: Pick<SchemaCache, 'get'>
}

export async function schemasRoute (app: FastifyInstance, { schemas }: SchemasOptions): Promise<void> {
  readOnly<{ Params: { id: string } }>(app, '/v1/schemas/:id', async (request, reply) => {
    const id = parseSchemaId(request.params.id)
    if (id === undefined) return sendProblem(reply, 400, 'a schema id is 1 to 10 decimal digits, at most 4294967295')
    const schema = await schemas.get(id)
    if (schema === undefined) return sendProblem(reply, 404, 'schema not found')
    reply.header('content-type', 'application/vnd.schemaregistry.v1+json')
    return sendImmutable(request, reply, schema.body, schema.tag)
  })
}
