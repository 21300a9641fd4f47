// GET /api/alerts: an alert as Avro container file, FITS or JSON, as from Herald.
import type { FastifyInstance } from 'fastify'
import { alertContainer } from '../../../formats/container.ts'
import { alertFits } from '../../../formats/fits.ts'
import type { FramedAlert } from '../../../formats/framed-alert.ts'
import { alertJson } from '../../../formats/json.ts'
import { heraldRoute } from '../../herald.ts'
import { responseForms } from '../../response-schemas.ts'
import type { HeraldOptions } from '../herald.ts'

interface HeraldForm {
  readonly key: string
  readonly mediaType: string
  /** Values of RESPONSEFORMAT that select the form. */
  readonly formats: readonly string[]
  /** Extension of the file name for clients that save the body. Undefined: the client displays the body. */
  readonly extension?: string
  /** Whether the body has descriptions of fields, which may be those of the schema package. */
  readonly describesFields?: boolean
  readonly make: (alert: FramedAlert) => Buffer
}

const ocf: HeraldForm = { key: 'ocf', mediaType: 'application/x-avro-ocf', formats: [], extension: 'avro', make: alertContainer }
const fits: HeraldForm = {
  key: 'fits', mediaType: 'application/fits', formats: ['fits', 'application/fits'], extension: 'fits', describesFields: true,
  make: alertFits
}
const json: HeraldForm = {
  key: 'json-numbers', mediaType: 'application/json', formats: ['json', 'application/json'],
  make: alert => Buffer.from(alertJson(alert, 'numbers'))
}

const binary = { type: 'string', format: 'binary' }
const schema = {
  operationId: 'getHeraldAlert',
  summary: 'An alert by ID, as from Herald',
  description: 'Avro object container file by default; FITS or JSON by RESPONSEFORMAT. In JSON, longs are numbers, bytes are base64, and ' +
    'NaN and infinite numbers are null.',
  response: {
    200: responseForms('The alert.', { [ocf.mediaType]: binary, [fits.mediaType]: binary, [json.mediaType]: { type: 'object' } })
  }
}

export async function heraldAlertsRoute (app: FastifyInstance, { forms }: HeraldOptions): Promise<void> {
  heraldRoute(app, {
    paths: ['/api/alerts'],
    schema,
    formats: [ocf, fits, json].flatMap(({ formats }) => formats),
    async handler (request, reply, { id, format, notFound }) {
      const { key, mediaType, extension, describesFields, make } = [fits, json].find(({ formats }) => formats.includes(format ?? '')) ?? ocf
      const file = extension === undefined ? {} : { fileName: `alert-${id}.${extension}` }
      return await forms.send(request, reply, { id, key, mediaType, describesFields, notFound, make, ...file })
    }
  })
}
