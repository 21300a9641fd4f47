// GET /v1/schemas/{id}: the Avro schema that the frames with this schema id were written with, as bare JSON, as the registry gave it.
import { type FastifyInstance } from 'fastify'
import { parseSchemaId } from '../../stores/layouts.ts'
import { sendForEver } from '../conditional.ts'
import { readOnly } from '../methods.ts'
import { sendProblem } from '../problems.ts'
import { type SchemaCache } from '../schema-cache.ts'

export interface SchemasOptions {
  readonly schemas: Pick<SchemaCache, 'get'>
}

export async function schemasRoute (app: FastifyInstance, { schemas }: SchemasOptions): Promise<void> {
  readOnly<{ Params: { id: string } }>(app, '/v1/schemas/:id', async (request, reply) => {
    const id = parseSchemaId(request.params.id)
    if (id === undefined) return sendProblem(reply, 400, 'a schema id is 1 to 10 decimal digits, at most 4294967295')
    const schema = await schemas.get(id)
    if (schema === undefined) return sendProblem(reply, 404, 'schema not found')
    reply.header('content-type', 'application/vnd.schemaregistry.v1+json')
    return sendForEver(request, reply, schema.body, schema.tag)
  })
}
