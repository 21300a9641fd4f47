// GET /v1/alerts/{id}/lightcurve: detections, forced photometry and limits of an alert in the order of time, as JSON or CSV.
import type { FastifyInstance } from 'fastify'
import type { FramedAlert } from '../../formats/framed-alert.ts'
import { lightCurveColumns, lightCurveCsv, lightCurveJson } from '../../formats/light-curve.ts'
import { alertNameForms, parseAlertName } from '../../ids/alert-id.ts'
import type { AlertForms } from '../alert-forms.ts'
import { requestedForm, type Form } from '../media-types.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import { alertIdSchema, empty, problems, responseForms } from '../response-schemas.ts'

interface LightCurveOptions {
  readonly forms: Pick<AlertForms, 'send'>
}

interface LightCurveRequest {
  readonly Params: { readonly id: string }
  readonly Querystring: { readonly format?: string }
}

interface CurveForm extends Form {
  readonly contentType: string
  readonly make: (alert: FramedAlert) => string
}

const json: CurveForm = { name: 'json', mediaTypes: ['application/json'], contentType: 'application/json', make: lightCurveJson }
const csv: CurveForm = {
  name: 'csv', mediaTypes: ['text/csv'], contentType: 'text/csv; charset=utf-8; header=present', make: lightCurveCsv
}
const curveForms: readonly [CurveForm, ...CurveForm[]] = [json, csv]

const id = (description: string) => ({ type: ['string', 'null'], description })
const curveSchema = {
  type: 'object', required: ['diaObjectId', 'ssObjectId', 'units', 'points'], additionalProperties: false,
  properties: {
    diaObjectId: id('DIAObject in decimal digits.'),
    ssObjectId: id('Solar system object in decimal digits.'),
    units: { type: 'object', additionalProperties: { type: 'string' }, description: 'Units by column.' },
    points: {
      type: 'array', description: 'Points by ascending time.',
      items: {
        type: 'object', required: lightCurveColumns, additionalProperties: false,
        properties: {
          ...Object.fromEntries(lightCurveColumns.map(name => [name, { type: ['string', 'number', 'null'] }])),
          kind: { type: 'string', enum: ['detection', 'forced', 'limit'] },
          trigger: { type: 'boolean', description: 'Whether the point is the source that triggered the alert.' }
        }
      }
    }
  }
}

const schema = {
  operationId: 'getLightCurve',
  summary: 'The light curve of an alert',
  description: 'The triggering source and the earlier ones (detection), forced photometry (forced) and upper limits (limit) of the alert.',
  params: { type: 'object', required: ['id'], properties: { id: alertIdSchema } },
  querystring: {
    type: 'object', additionalProperties: false,
    properties: { format: { type: 'string', description: 'Form of the light curve, in place of Accept: json, csv.' } }
  },
  response: {
    200: responseForms('The light curve.', {
      [json.mediaTypes[0]]: curveSchema, [csv.mediaTypes[0]]: { type: 'string', description: 'One line for each point, after the names.' }
    }),
    304: empty('The client has the light curve (If-None-Match).'),
    ...problems(400, 404, 406, 500, 503)
  }
}

export async function lightCurveRoute (app: FastifyInstance, { forms }: LightCurveOptions): Promise<void> {
  readOnly<LightCurveRequest>(app, '/v1/alerts/:id/lightcurve', async (request, reply) => {
    const alertId = parseAlertName(request.params.id)
    if (alertId === undefined) return sendProblem(reply, 400, `an alert id is ${alertNameForms}`)
    const { query: { format }, headers: { accept } } = request
    reply.header('vary', 'Accept')
    const form = requestedForm(format, accept, curveForms)
    if (form === undefined) {
      const what = format === undefined ? 'Accept excludes all forms of a light curve' : `there is no form ${JSON.stringify(format)}`
      return sendProblem(reply, 406, `${what}; the forms are json (application/json) and csv (text/csv)`)
    }
    return await forms.send(request, reply, {
      id: alertId, key: `lightcurve-${form.name}`, mediaType: form.contentType,
      ...form === csv ? { fileName: `${alertId}-lightcurve.csv` } : {},
      make: alert => Buffer.from(form.make(alert))
    })
  }, schema)
}
