// GET / and /v1: lists the endpoints, for people who open the URL of the server in a browser.
import { type FastifyInstance } from 'fastify'
import { readOnly } from '../read-only-routes.ts'

export async function indexRoute (app: FastifyInstance): Promise<void> {
  const { prefix } = app
  const body = JSON.stringify({
    service: 'alert-stream archive',
    endpoints: {
      [`${prefix}/v1/health`]: 'OK if the archive is readable',
      [`${prefix}/v1/alerts/{id}`]: 'an alert as it was in Kafka: 0x00, schema id (4 bytes, big-endian), Avro datum; gzip if accepted',
      [`${prefix}/v1/schemas/{id}`]: 'the Avro schema with this id, as JSON'
    }
  }, undefined, 2) + '\n'
  for (const url of ['/', '/v1']) {
    readOnly(app, url, async (_request, reply) => reply.headers({
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body)
    }).send(body))
  }
}
