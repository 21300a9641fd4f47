// GET / and /v1: lists the endpoints, for people who open the URL of the server in a browser.
import type { FastifyInstance } from 'fastify'
import { formNames } from '../alert-form-table.ts'
import type { Compat } from '../compat.ts'
import { readOnly } from '../read-only-routes.ts'
import { response } from '../response-schemas.ts'

const frame = '0x00, schema id (4 bytes, big-endian), Avro datum'
const alertBody: Readonly<Record<Compat, string>> = {
  'dmtn-210': `an alert as it was in Kafka: ${frame}; gzip if accepted`,
  upstream: `gzip of an alert as it was in Kafka (${frame}), without Content-Encoding`
}

const indexSchema = {
  type: 'object', required: ['service', 'endpoints'],
  properties: { service: { type: 'string' }, endpoints: { type: 'object', additionalProperties: { type: 'string' } } }
}

export async function indexRoute (app: FastifyInstance, { compat }: { readonly compat: Compat }): Promise<void> {
  const { prefix } = app
  const body = JSON.stringify({
    service: 'alert-stream archive',
    endpoints: {
      [`${prefix}/v1/health`]: 'OK if the archive is readable',
      [`${prefix}/v1/alerts`]: 'alerts by visit, night, detector, object, time, band and position',
      [`${prefix}/v1/alerts/{id}`]: alertBody[compat],
      [`${prefix}/v1/alerts/{id}?format=`]: `the alert in another form: ${formNames}`,
      [`${prefix}/v1/alerts/{id}/cutouts/{cutout}`]: 'the cutout difference, science or template as FITS or PNG',
      [`${prefix}/v1/alerts/{id}/lightcurve`]: 'the light curve of an alert as JSON or CSV',
      [`${prefix}/v1/objects/{diaObjectId}`]: 'the merged light curve of all alerts of a DIAObject as JSON or CSV',
      [`${prefix}/v1/ssobjects/{ssObjectId}`]: 'the merged light curve of all alerts of a solar system object as JSON or CSV',
      [`${prefix}/api/alerts`]: 'alerts as from Herald, with /cutouts, /schema and /links',
      [`${prefix}/v1/alerts/batch`]: 'POST: many alerts by id',
      [`${prefix}/v1/nights`]: 'the nights of the index with their numbers of alerts',
      [`${prefix}/v1/nights/{night}`]: 'the manifest of a night: counts, digest, rejected records, gaps',
      [`${prefix}/v1/schemas/{id}`]: 'the Avro schema with this id, as JSON',
      [`${prefix}/v1/openapi.json`]: 'this API as an OpenAPI 3.1 document',
      [`${prefix}/v1/docs`]: 'this API as a page'
    }
  }, undefined, 2) + '\n'
  for (const [url, operationId] of [['/', 'getRoot'], ['/v1', 'getIndex']] as const) {
    const schema = { operationId, summary: 'The endpoints', response: { 200: response('The endpoints.', 'application/json', indexSchema) } }
    readOnly(app, url, async (_request, reply) => reply.headers({
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body)
    }).send(body), schema)
  }
}
