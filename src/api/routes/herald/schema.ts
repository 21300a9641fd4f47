// GET /api/alerts/schema: the Avro schema with which an alert was encoded, as from Herald.
import type { FastifyInstance } from 'fastify'
import { heraldRoute } from '../../herald.ts'
import { response } from '../../response-schemas.ts'
import type { HeraldOptions } from '../herald.ts'

const json = 'application/json'

const schema = {
  operationId: 'getHeraldSchema',
  summary: 'The schema of an alert, as from Herald',
  response: { 200: response('The archived Avro schema.', json, { type: 'object' }) }
}

export async function heraldSchemaRoute (app: FastifyInstance, { forms }: HeraldOptions): Promise<void> {
  heraldRoute(app, {
    paths: ['/api/alerts/schema', '/api/schema'],
    schema,
    handler: async (request, reply, { id, notFound }) => await forms.send(request, reply, {
      id, key: 'schema', mediaType: json, notFound, make: alert => Buffer.from(alert.schema.text)
    })
  })
}
