// What the routes of Rubin's Herald (SQR-114) have in common: the parameters ID and RESPONSEFORMAT, errors as text/plain (IVOA DALI),
// and Herald's statuses and messages, on which clients of Herald rely.
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { alertNameForms, iauPrefix, parseAlertName } from '../ids/alert-id.ts'
import { AlertStreamError, sentences } from '../pipeline/errors.ts'
import { sendProblem } from './problems.ts'
import { readOnly } from './read-only-routes.ts'
import { alertIdSchema, response } from './response-schemas.ts'

interface HeraldRoute {
  /** The documented path comes first. Further paths are aliases. */
  readonly paths: readonly string[]
  readonly schema: FastifySchema & { readonly response: Readonly<Record<number, unknown>> }
  /** Values of RESPONSEFORMAT. Undefined: the route has no such parameter. */
  readonly formats?: readonly string[]
  readonly handler: (request: FastifyRequest, reply: FastifyReply, alert: RequestedAlert) => FastifyReply | Promise<FastifyReply>
}

interface RequestedAlert {
  /** Alert id in canonical form. */
  readonly id: string
  /** One of the formats of the route. */
  readonly format: string | undefined
  /** Detail of the response if the alert is not archived. */
  readonly notFound: string
}

interface Fault {
  readonly status: number
  readonly detail: string
}

const faults: Readonly<Record<number, string>> = {
  400: 'A parameter is unknown, occurs twice, or is not valid.',
  404: 'The archive does not have the alert, or does not have its schema.',
  415: 'There is no such response format.',
  422: 'The parameter ID is missing, or a cutout of the alert is damaged.',
  500: 'The stored alert is damaged or too large.',
  503: 'The server is overloaded, or a store is not available. Retry-After tells when to try again.'
}

/** Registers a route for GET and HEAD. It checks its parameters itself, because the errors of a JSON schema differ from Herald's. */
export function heraldRoute (app: FastifyInstance, { paths, schema, formats, handler }: HeraldRoute): void {
  const statuses = [400, 404, 422, 500, 503, ...formats === undefined ? [] : [415]]
  const described: FastifySchema = {
    ...schema,
    querystring: {
      type: 'object', required: ['ID'], additionalProperties: false,
      properties: {
        ID: alertIdSchema,
        ...formats === undefined ? {} : { RESPONSEFORMAT: { type: 'string', enum: formats, description: 'Response format.' } }
      }
    },
    response: {
      ...schema.response,
      ...Object.fromEntries(statuses.map(status => [status, response(faults[status]!, 'text/plain', { type: 'string' })]))
    }
  }
  for (const [index, path] of paths.entries()) {
    readOnly(app, path, async (request, reply) => {
      const alert = requestedAlert(request, formats)
      if ('detail' in alert) return sendProblem(reply, alert.status, alert.detail)
      try {
        return await handler(request, reply, alert)
      } catch (error) {
        if (!(error instanceof AlertStreamError) || error.code !== 'ALERT_SCHEMA_MISSING') throw error
        return sendProblem(reply, 404, `${sentences(error.message)} (${error.code})`)
      }
    }, index === 0 ? described : { ...described, hide: true })
  }
}

/** Settings of the scope in which Herald's routes are registered. */
export function useHeraldErrors (app: FastifyInstance): void {
  app.setValidatorCompiler(() => () => true)
  app.addHook('onRoute', route => { route.config = { ...route.config, textProblems: true } })
}

function requestedAlert ({ query, url }: FastifyRequest, formats: readonly string[] | undefined): RequestedAlert | Fault {
  const parameters = query as Readonly<Record<string, string | readonly string[] | undefined>>
  const { ID, RESPONSEFORMAT: format } = parameters
  // Parameters in Herald's order of checks.
  if (ID === undefined) return { status: 422, detail: 'Missing parameter \'ID\'' }
  const known = formats === undefined ? ['ID'] : ['ID', 'RESPONSEFORMAT']
  const unknown = Object.keys(parameters).find(name => !known.includes(name))
  if (unknown !== undefined) {
    return { status: 400, detail: `Invalid parameter '${unknown}' in query string '${url.slice(url.indexOf('?'))}'` }
  }
  if (typeof ID !== 'string') return { status: 400, detail: 'The parameter \'ID\' occurs more than once' }
  if (format !== undefined && typeof format !== 'string') {
    return { status: 400, detail: 'The parameter \'RESPONSEFORMAT\' occurs more than once' }
  }
  if (ID.startsWith('LSST-') && !ID.startsWith(iauPrefix)) return { status: 400, detail: `Non-LSST alert ID '${ID}'` }
  const id = parseAlertName(ID)
  if (id === undefined) return { status: 400, detail: `Invalid alert ID format in '${ID}': an alert ID is ${alertNameForms}` }
  if (format !== undefined && !formats!.includes(format)) {
    return { status: 415, detail: `Invalid response format '${format}'; accepted formats are ${[...formats!].sort().join(', ')}` }
  }
  return { id, format, notFound: `No data found for alert ID '${id}'` }
}
