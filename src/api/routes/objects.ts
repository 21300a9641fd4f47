// GET /v1/objects/{diaObjectId} and /v1/ssobjects/{ssObjectId}: the alerts of an object, with their sources and forced photometry merged.
// The response is complete in memory before its first byte is sent, so an error never cuts it short.
import type { FastifyInstance } from 'fastify'
import { objectPointColumns, type ObjectLightCurve } from '../../formats/object-light-curve.ts'
import { QuerySlots } from '../../search/query-slots.ts'
import type { Search } from '../../search/open-search.ts'
import { searchErrors } from '../../search/errors.ts'
import type { ArchiveReader } from '../../stores/archive.ts'
import type { AlertSchemas } from '../alert-schemas.ts'
import { disconnection } from '../disconnection.ts'
import type { HeldBodies } from '../held-bodies.ts'
import { requestedForm, type Form } from '../media-types.ts'
import { objectLightCurve } from '../object-alerts.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import { int64Pattern, problems, responseForms } from '../response-schemas.ts'
import { invalidTime, parseTime, timeSchema } from '../times.ts'

interface ObjectsOptions {
  /** Resolves to undefined if the server has no index. */
  readonly search: () => Promise<Search | undefined>
  readonly archive: Pick<ArchiveReader, 'getAlert'>
  readonly schemas: Pick<AlertSchemas, 'get'>
  readonly bodies: HeldBodies
  /** Maximum number of alerts of an object. */
  readonly maxAlerts: number
  /** Objects that are read at the same time. */
  readonly objects: number
}

interface ObjectRequest {
  readonly Params: { readonly id: string }
  readonly Querystring: { readonly format?: string, readonly since?: string, readonly until?: string }
}

/** How long a request waits for another one to end, in milliseconds. */
const waitMs = 1000

interface ObjectForm extends Form {
  readonly contentType: string
}

const json: ObjectForm = { name: 'json', mediaTypes: ['application/json'], contentType: 'application/json; charset=utf-8' }
const csv: ObjectForm = { name: 'csv', mediaTypes: ['text/csv'], contentType: 'text/csv; charset=utf-8; header=present' }
const objectForms: readonly [ObjectForm, ...ObjectForm[]] = [json, csv]

const idOrNull = (description: string) => ({ type: ['string', 'null'], description })
const text = (description: string) => ({ type: 'string', description })
const points = (description: string) => ({
  type: 'array', description,
  items: {
    type: 'object', required: objectPointColumns, additionalProperties: false,
    properties: {
      ...Object.fromEntries(objectPointColumns.map(name => [name, { type: ['string', 'number', 'null'] }])),
      kind: { type: 'string', enum: ['detection', 'forced', 'limit'] },
      trigger: { type: 'boolean', description: 'Whether the source triggered one of the alerts.' },
      alertId: text('The alert from which the values of the point are: the newest that has the point.')
    }
  }
})
const curveSchema = {
  type: 'object', additionalProperties: false,
  required: ['diaObjectId', 'ssObjectId', 'alerts', 'unreadable', 'units', 'sources', 'forcedSources', 'limits'],
  properties: {
    diaObjectId: idOrNull('DIAObject of the request in decimal digits.'),
    ssObjectId: idOrNull('Solar system object of the request in decimal digits.'),
    alerts: { type: 'array', items: { type: 'string' }, description: 'Ids of the alerts, in the order of their publication.' },
    unreadable: {
      type: 'array', description: 'Alerts of the object whose points are left out.',
      items: { type: 'object', required: ['id', 'error'], additionalProperties: false, properties: {
        id: text('Alert id.'), error: text('Error code. ALERT_MISSING: the index has the alert, but the archive does not.')
      } }
    },
    units: { type: 'object', additionalProperties: { type: 'string' }, description: 'Units by column.' },
    sources: points('Detections by ascending time, each diaSourceId once.'),
    forcedSources: points('Forced photometry by ascending time, each diaForcedSourceId once.'),
    limits: points('Upper limits of non-detections by ascending time.')
  }
}

function schema (what: string, operationId: string, maxAlerts: number) {
  return {
    operationId,
    summary: `All alerts of a ${what}`,
    description: 'The sources of all alerts of the object, each once with the values of the newest alert. ' +
      `If the object has more than ${maxAlerts} alerts, a time range is required.`,
    params: {
      type: 'object', required: ['id'],
      properties: { id: { type: 'string', pattern: int64Pattern, description: `The ${what}, in decimal digits.` } }
    },
    querystring: {
      type: 'object', additionalProperties: false,
      properties: {
        format: text('Form of the light curve, in place of Accept: json, csv.'),
        since: timeSchema('Earliest Kafka timestamp of an alert, inclusive'),
        until: timeSchema('Latest Kafka timestamp of an alert, exclusive')
      }
    },
    response: {
      200: responseForms('The alerts of the object.', {
        [json.mediaTypes[0]]: curveSchema, [csv.mediaTypes[0]]: text('One line for each point, after the names.')
      }),
      ...problems(400, 404, 406, 410, 429, 500, 501, 503)
    }
  }
}

export async function objectsRoute (app: FastifyInstance, options: ObjectsOptions): Promise<void> {
  const { search: openSearch, bodies, maxAlerts } = options
  const slots = new QuerySlots(options.objects, waitMs)
  for (const [url, column, what, operationId] of [
    ['/v1/objects/:id', 'diaObjectId', 'DIAObject', 'getObject'],
    ['/v1/ssobjects/:id', 'ssObjectId', 'solar system object', 'getSolarSystemObject']
  ] as const) {
    readOnly<ObjectRequest>(app, url, async (request, reply) => {
      const { query: { format, since, until }, headers: { accept } } = request
      reply.header('vary', 'Accept')
      const form = requestedForm(format, accept, objectForms)
      if (form === undefined) {
        const why = format === undefined ? 'Accept excludes all forms of an object' : `there is no form ${JSON.stringify(format)}`
        return sendProblem(reply, 406, `${why}; the forms are json (application/json) and csv (text/csv)`)
      }
      const id = String(BigInt(request.params.id))
      const [from, end] = [since, until].map(time => time === undefined ? undefined : parseTime(time))
      if (Number.isNaN(from) || Number.isNaN(end)) return sendProblem(reply, 400, invalidTime)
      const search = await openSearch()
      if (search === undefined) {
        throw searchErrors.SEARCH_UNAVAILABLE('the server has no index, so it cannot find the alerts of an object', {
          hint: 'Ask a server that has an index, or request alerts by id.'
        })
      }
      const signal = disconnection(reply)
      return await slots.run(signal, async () => {
        const curve = await objectLightCurve(search, { [column]: BigInt(id), since: from, until: end }, options, signal)
        if (curve === undefined) {
          const range = since === undefined && until === undefined ? '' : ' in this time range'
          return sendProblem(reply, 404, `there are no alerts of the ${what} ${id}${range}`)
        }
        const unreadable = form === csv ? unreadableIn(curve) : undefined
        if (unreadable !== undefined) return sendProblem(reply, 500, unreadable)
        const ids = { diaObjectId: null, ssObjectId: null, [column]: id }
        reply.headers({ 'content-type': form.contentType, 'cache-control': 'no-store' })
        if (form === csv) reply.header('content-disposition', `attachment; filename="${what.replaceAll(' ', '-')}-${id}.csv"`)
        return bodies.send(reply, Buffer.from(form === csv ? curve.csv() : curve.json(ids)))
      })
    }, schema(what, operationId, maxAlerts))
  }
}

/** CSV has no place for alerts that are left out. */
function unreadableIn ({ unreadable: [first, ...others] }: ObjectLightCurve): string | undefined {
  if (first === undefined) return undefined
  const count = others.length + 1
  return `${count} of the alerts cannot be read, such as ${first.id} (${first.error}); the form json leaves them out and names them`
}
