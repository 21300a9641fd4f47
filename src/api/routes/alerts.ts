// GET /v1/alerts/{id}: the alert exactly as it was in Kafka (Confluent frame), or in another form (../alert-form-table.ts). Clients that
// accept gzip get the stored frame unchanged, others get it inflated. The alert is always verified before the first byte is sent. HEAD and
// 304 of the frame read only the beginning of its object. With `compat: 'upstream'`, every client gets the stored bytes without
// Content-Encoding, as from lsst-dm/alert_database_server, whose clients decompress the body themselves, and Accept selects nothing.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { alertNameForms, parseAlertName } from '../../ids/alert-id.ts'
import { alertForms, formNames, octets, type AlertForm, type FormParameters } from '../alert-form-table.ts'
import type { AlertForms } from '../alert-forms.ts'
import type { AlertReader, Content, Head } from '../alert-reader.ts'
import type { Compat } from '../compat.ts'
import { chooseCoding, matchesTag, sendHead, sendImmutable, sendNotModified, type Coding } from '../conditional.ts'
import { requestedForm } from '../media-types.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import { alertIdSchema, empty, problems, responseForms, schemaVersionSchema } from '../response-schemas.ts'

interface AlertsOptions {
  readonly alerts: Pick<AlertReader, 'open' | 'head' | 'knownHead'>
  readonly forms: Pick<AlertForms, 'send'>
  readonly compat: Compat
}

interface AlertRequest {
  readonly Params: { readonly id: string }
  readonly Querystring: FormParameters & { readonly format?: string, readonly schema?: string }
}

const mediaTypes = alertForms.map(({ mediaTypes: [type] }) => type).join(', ')

const schema = {
  operationId: 'getAlert',
  summary: 'An alert by id',
  description: 'The alert as it was in Kafka: 0x00, schema id (4 bytes, big-endian), Avro datum. ' +
    'Clients that accept gzip get the stored gzip as content coding. Other forms by format or Accept.',
  params: { type: 'object', required: ['id'], properties: { id: alertIdSchema } },
  querystring: {
    type: 'object', additionalProperties: false,
    properties: {
      format: { type: 'string', description: `Form of the alert, in place of Accept: ${formNames}.` },
      schema: { ...schemaVersionSchema, description: 'Schema version, such as 11.1, into which the alert is resolved.' },
      bytes: {
        type: 'string', enum: ['base64', 'omit'],
        description: 'Fields of type bytes in the form json: in base64 (default), or left out.'
      }
    }
  },
  response: {
    200: responseForms('The alert.', Object.fromEntries(alertForms.map(({ name, mediaTypes: [type], description }) =>
      [type, name === 'json' ? { type: 'object', description } : { type: 'string', format: 'binary', description }]))),
    304: empty('The client has the alert (If-None-Match).'),
    ...problems(400, 404, 406, 422, 500, 503)
  }
}

export async function alertsRoute (app: FastifyInstance, { alerts, forms, compat }: AlertsOptions): Promise<void> {
  const negotiates = compat === 'dmtn-210'
  const identityHeaders = { 'content-type': octets }
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

  /** The form that is requested. Undefined if there is no such form, or if the client accepts none. */
  function formOf ({ query: { format }, headers: { accept } }: FastifyRequest<AlertRequest>): AlertForm | undefined {
    return requestedForm(format, negotiates ? accept : undefined, alertForms)
  }

  async function sendForm (request: FastifyRequest<AlertRequest>, reply: FastifyReply, id: string, form: AlertForm): Promise<FastifyReply> {
    const { name, mediaTypes: [mediaType], extension, describesFields } = form
    const { schema: schemaVersion, bytes } = request.query
    return await forms.send(request, reply, {
      id, mediaType, schemaVersion, describesFields,
      key: bytes === 'omit' ? `${name}-without-bytes` : name,
      ...extension === undefined ? {} : { fileName: `${id}.${extension}` },
      make: alert => form.make(alert, request.query)
    })
  }

  // Responses from memory are sent without waiting for a promise.
  readOnly<AlertRequest>(app, '/v1/alerts/:id', (request, reply) => {
    // `parseAlertName` removes leading zeros, so /v1/alerts/007 is alert 7.
    const id = parseAlertName(request.params.id)
    if (id === undefined) {
      return sendProblem(reply, 400, `an alert id is ${alertNameForms}`)
    }
    if (negotiates) reply.header('vary', 'Accept, Accept-Encoding')
    const form = formOf(request)
    if (form === undefined) {
      const { format } = request.query
      if (format === undefined) return sendProblem(reply, 406, `Accept excludes all media types of an alert: ${mediaTypes}`)
      return sendProblem(reply, 406, `there is no form ${JSON.stringify(format)} of an alert; the forms are ${formNames}`)
    }
    if (request.query.bytes !== undefined && form.name !== 'json') {
      return sendProblem(reply, 400, `the query parameter bytes applies to the form json, not to ${form.name}`)
    }
    if (form !== alertForms[0] || request.query.schema !== undefined) return sendForm(request, reply, id, form)
    const coding = negotiates ? chooseCoding(request.headers['accept-encoding']) : 'gzip'
    if (coding === undefined) return sendProblem(reply, 406, 'Accept-Encoding excludes both available codings, gzip and identity')
    if (request.method !== 'HEAD' && request.headers['if-none-match'] === undefined) return withBody(request, reply, id, coding)
    const known = alerts.knownHead(id, coding)
    if (known === undefined) return fromStart(request, reply, id, coding)
    return withoutBody(request, reply, known) ?? withBody(request, reply, id, coding)
  }, schema)
}
