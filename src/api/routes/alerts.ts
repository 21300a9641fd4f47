// GET /v1/alerts/{id}: the alert exactly as it was in Kafka (Confluent frame: 0x00, 4-byte schema id, Avro datum). Clients that accept
// gzip get the stored bytes unchanged, which halves CPU time and transfer. Other clients get the inflated alert. An alert that is stored
// uncompressed is sent as it is. In all cases the alert is verified before the first byte is sent. HEAD and 304 send no alert, so they
// read only the beginning of its object. With `compat: 'upstream'`, every client gets the stored bytes without Content-Encoding, as from
// lsst-dm/alert_database_server, whose clients decompress the body themselves.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { alertNameForms, parseAlertName } from '../../ids/alert-id.ts'
import type { AlertReader, Content, Head } from '../alert-reader.ts'
import type { Compat } from '../compat.ts'
import { chooseCoding, matchesTag, sendHead, sendImmutable, sendNotModified, type Coding } from '../conditional.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import { alertIdSchema, empty, problems, response } from '../response-schemas.ts'

interface AlertsOptions {
  readonly alerts: Pick<AlertReader, 'open' | 'head' | 'knownHead'>
  readonly compat: Compat
}

const schema = {
  operationId: 'getAlert',
  summary: 'An alert by id',
  description: 'The alert as it was in Kafka: 0x00, schema id (4 bytes, big-endian), Avro datum. ' +
    'Clients that accept gzip get the stored gzip as content coding.',
  params: { type: 'object', required: ['id'], properties: { id: alertIdSchema } },
  response: {
    200: response('The alert.', 'application/octet-stream', { type: 'string', format: 'binary' }),
    304: empty('The client has the alert (If-None-Match).'),
    ...problems(400, 404, 406, 500, 503)
  }
}

export async function alertsRoute (app: FastifyInstance, { alerts, compat }: AlertsOptions): Promise<void> {
  const negotiates = compat === 'dmtn-210'
  const identityHeaders = { 'content-type': 'application/octet-stream' }
  const gzipHeaders = negotiates ? { ...identityHeaders, 'content-encoding': 'gzip' } : identityHeaders
  const contentHeaders = (coding: Coding) => coding === 'gzip' ? gzipHeaders : identityHeaders

  /** Responds without a body if the request allows it. Otherwise returns undefined. */
  function withoutBody ({ method, headers }: FastifyRequest, reply: FastifyReply, head: Head): FastifyReply | undefined {
    if (matchesTag(headers['if-none-match'], head.tag)) return sendNotModified(reply, head.tag)
    if (method !== 'HEAD' || head.length === undefined) return undefined
    return sendHead(reply.headers(contentHeaders(head.coding)), head.length, head.tag)
  }

  async function fromStart (request: FastifyRequest, reply: FastifyReply, id: string, coding: Coding): Promise<FastifyReply> {
    const head = await alerts.head(id, coding)
    if (head === undefined) return sendProblem(reply, 404, 'alert not found')
    return (head === 'unknown' ? undefined : withoutBody(request, reply, head)) ?? await withBody(request, reply, id, coding)
  }

  function withBody (request: FastifyRequest, reply: FastifyReply, id: string, coding: Coding): FastifyReply | Promise<FastifyReply> {
    const send = (alert: Content | undefined): FastifyReply => {
      if (alert === undefined) return sendProblem(reply, 404, 'alert not found')
      return sendImmutable(request, reply.headers(contentHeaders(alert.coding)), alert.body, alert.tag)
    }
    const { ready, content, release } = alerts.open(id, coding)
    // Node emits 'close' once, when the response was sent completely or when the client disconnects.
    if (reply.raw.destroyed) release()
    else reply.raw.once('close', release)
    return ready === undefined ? content.then(send) : send(ready)
  }

  // Responses from memory are sent without waiting for a promise.
  readOnly<{ Params: { id: string } }>(app, '/v1/alerts/:id', (request, reply) => {
    // `parseAlertName` removes leading zeros, so /v1/alerts/007 is alert 7.
    const id = parseAlertName(request.params.id)
    if (id === undefined) {
      return sendProblem(reply, 400, `an alert id is ${alertNameForms}`)
    }
    if (negotiates) reply.header('vary', 'Accept-Encoding')
    const coding = negotiates ? chooseCoding(request.headers['accept-encoding']) : 'gzip'
    if (coding === undefined) return sendProblem(reply, 406, 'Accept-Encoding excludes both available codings, gzip and identity')
    if (request.method !== 'HEAD' && request.headers['if-none-match'] === undefined) return withBody(request, reply, id, coding)
    const known = alerts.knownHead(id, coding)
    if (known === undefined) return fromStart(request, reply, id, coding)
    return withoutBody(request, reply, known) ?? withBody(request, reply, id, coding)
  }, schema)
}
