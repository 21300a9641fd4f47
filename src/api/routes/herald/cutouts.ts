// GET /api/alerts/cutouts: all cutouts of an alert in one FITS file, as from Herald.
import type { FastifyInstance } from 'fastify'
import { cutoutsFits } from '../../../formats/fits.ts'
import { heraldRoute } from '../../herald.ts'
import { response } from '../../response-schemas.ts'
import type { HeraldOptions } from '../herald.ts'

const fits = 'application/fits'

const schema = {
  operationId: 'getHeraldCutouts',
  summary: 'The cutouts of an alert, as from Herald',
  description: 'FITS file with the HDUs DIFFIM, SCIENCE and TEMPLATE that the alert has. Without cutouts, it has only its primary HDU.',
  response: { 200: response('The cutouts.', fits, { type: 'string', format: 'binary' }) }
}

export async function heraldCutoutsRoute (app: FastifyInstance, { forms }: HeraldOptions): Promise<void> {
  heraldRoute(app, {
    paths: ['/api/alerts/cutouts', '/api/cutouts'],
    schema,
    handler: async (request, reply, { id, notFound }) => await forms.send(request, reply, {
      id, key: 'cutouts', mediaType: fits, fileName: `cutouts-${id}.fits`, notFound, make: cutoutsFits
    })
  })
}
