// GET /v1/alerts/{id}/cutouts/{difference|science|template}: a cutout as the FITS file that the alert has, or as a PNG picture.
import type { FastifyInstance } from 'fastify'
import { cutoutBytes, cutoutFile, cutoutKinds, type CutoutKind } from '../../formats/cutouts.ts'
import { writePng } from '../../formats/png.ts'
import { drawStamp, maxPictureSide, orientations, stretches, type Orientation, type Stretch } from '../../formats/stamp.ts'
import { alertNameForms, parseAlertName } from '../../ids/alert-id.ts'
import type { AlertForms } from '../alert-forms.ts'
import { requestedForm, type Form } from '../media-types.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import { alertIdSchema, empty, problems, responseForms } from '../response-schemas.ts'

interface CutoutsOptions {
  readonly forms: Pick<AlertForms, 'send'>
}

interface CutoutRequest {
  readonly Params: { readonly id: string, readonly cutout: CutoutKind }
  readonly Querystring: { readonly format?: string, readonly stretch?: Stretch, readonly orientation?: Orientation, readonly size?: number }
}

const fits: Form = { name: 'fits', mediaTypes: ['application/fits', 'image/fits'] }
const png: Form = { name: 'png', mediaTypes: ['image/png'] }
const cutoutForms: readonly [Form, ...Form[]] = [fits, png]

const binary = { type: 'string', format: 'binary' }
const schema = {
  operationId: 'getCutout',
  summary: 'A cutout of an alert',
  description: 'The cutout as it is in the alert, a FITS file; or a greyscale PNG picture, by format or Accept.',
  params: {
    type: 'object', required: ['id', 'cutout'],
    properties: { id: alertIdSchema, cutout: { type: 'string', enum: cutoutKinds, description: 'Which cutout.' } }
  },
  querystring: {
    type: 'object', additionalProperties: false,
    properties: {
      format: { type: 'string', description: 'Form of the cutout, in place of Accept: fits, png.' },
      stretch: { type: 'string', enum: stretches, description: 'How pixel values become grey levels in a PNG. Default: asinh.' },
      orientation: {
        type: 'string', enum: orientations, description: 'In a PNG: as stored (detector, default), or north up and east to the left.'
      },
      size: {
        type: 'integer', minimum: 1, maximum: maxPictureSide,
        description: 'Longest side of a PNG in pixels. Default: that of the cutout.'
      }
    }
  },
  response: {
    200: responseForms('The cutout.', Object.fromEntries(cutoutForms.map(({ mediaTypes: [type] }) => [type, binary]))),
    304: empty('The client has the cutout (If-None-Match).'),
    ...problems(400, 404, 406, 422, 500, 503)
  }
}

export async function cutoutsRoute (app: FastifyInstance, { forms }: CutoutsOptions): Promise<void> {
  readOnly<CutoutRequest>(app, '/v1/alerts/:id/cutouts/:cutout', async (request, reply) => {
    const { params: { cutout }, query: { format, ...options }, headers: { accept } } = request
    const id = parseAlertName(request.params.id)
    if (id === undefined) return sendProblem(reply, 400, `an alert id is ${alertNameForms}`)
    reply.header('vary', 'Accept')
    const form = requestedForm(format, accept, cutoutForms)
    if (form === undefined) {
      const what = format === undefined ? 'Accept excludes all forms of a cutout' : `there is no form ${JSON.stringify(format)} of a cutout`
      return sendProblem(reply, 406, `${what}; the forms are fits (application/fits) and png (image/png)`)
    }
    const fileName = `${id}-${cutout}.fits`
    const send = { id, mediaType: form.mediaTypes[0] }
    if (form === fits) {
      const [unused] = Object.keys(options)
      if (unused !== undefined) return sendProblem(reply, 400, `the query parameter ${unused} applies to the form png, not to fits`)
      return await forms.send(request, reply, { ...send, key: `${cutout}-fits`, fileName, make: alert => cutoutFile(alert, cutout) })
    }
    const { stretch = 'asinh', orientation = 'detector', size } = options
    return await forms.send(request, reply, {
      ...send,
      key: ['png', cutout, stretch, orientation, ...size === undefined ? [] : [size]].join('-'),
      make: alert => writePng(drawStamp(cutoutBytes(alert, cutout), cutout, { stretch, orientation, size }))
    })
  }, schema)
}
