// GET / and /v1: what there is, for people who meet the server for the first time.
import { type FastifyInstance } from 'fastify'
import { readOnly } from '../methods.ts'

export async function indexRoute (app: FastifyInstance): Promise<void> {
  const { prefix } = app
  const body = JSON.stringify({
    service: 'alert-stream archive',
    endpoints: {
      [`${prefix}/v1/health`]: 'OK when the archive can be read',
      [`${prefix}/v1/alerts/{id}`]: 'an alert as it was in Kafka: 0x00, 4 bytes of schema id (big-endian), Avro; gzip on request',
      [`${prefix}/v1/schemas/{id}`]: 'the Avro schema of that id, as JSON'
    }
  }, undefined, 2) + '\n'
  for (const url of ['/', '/v1']) {
    readOnly(app, url, async (_request, reply) => reply.headers({
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body)
    }).send(body))
  }
}
