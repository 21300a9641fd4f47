// JSON schemas that several routes share: they validate requests and describe the API in /v1/openapi.json.
import { alertNameForms, iauPrefix, largestAlertId } from '../ids/alert-id.ts'

type JsonSchema = Readonly<Record<string, unknown>>

const problemDetails: Readonly<Record<number, string>> = {
  400: 'The request is not valid.',
  404: 'There is no such object.',
  406: 'The client accepts no available form.',
  408: 'The client disconnected.',
  410: 'Segments of this listing were deleted since it began.',
  413: 'The request body is too large.',
  415: 'The request body is not JSON.',
  422: 'The alert cannot be sent in this form. The detail names the field or the cutout.',
  429: 'Too many queries are running. Retry-After tells when to try again.',
  500: 'A stored object is damaged or too large.',
  501: 'The server has no index.',
  503: 'The server is overloaded, or a store is not available. Retry-After tells when to try again.'
}

const problem = {
  type: 'object', required: ['detail'], additionalProperties: false,
  properties: { detail: { type: 'string', description: 'What happened.' } }
}

/** A response with a body. */
export function response (description: string, mediaType: string, schema: JsonSchema) {
  return { description, content: { [mediaType]: { schema } } }
}

/** A response with a body in one of several forms. */
export function responseForms (description: string, schemas: Readonly<Record<string, JsonSchema>>) {
  return { description, content: Object.fromEntries(Object.entries(schemas).map(([mediaType, schema]) => [mediaType, { schema }])) }
}

/** A response without a body. */
export function empty (description: string) {
  return { description, type: 'null' }
}

/** The error responses with these statuses. */
export function problems (...statuses: ReadonlyArray<keyof typeof problemDetails>) {
  return Object.fromEntries(statuses.map(status => [status, response(problemDetails[status]!, 'application/json', problem)]))
}

/** A regular expression for the decimal numbers from 0 to `max`, with leading zeros up to the digits of `max`. */
export function patternUpTo (max: bigint, prefix = ''): string {
  const digits = String(max)
  const lower = [...digits].flatMap((digit, at) => {
    const rest = digits.length - at - 1
    return digit === '0' ? [] : [`${digits.slice(0, at)}[0-${Number(digit) - 1}]${rest === 0 ? '' : `[0-9]{${rest}}`}`]
  })
  return `^${prefix}([0-9]{1,${digits.length - 1}}|${[...lower, digits].join('|')})$`
}

/** A 64-bit integer as text. */
export const int64Pattern = patternUpTo(largestAlertId)

/** The version number of an alert schema. */
export const schemaVersionSchema = { type: 'string', pattern: '^[0-9]{1,4}\\.[0-9]{1,4}$' }

export const nightPattern = '^[0-9]{8}$'

export const alertIdSchema = { type: 'string', pattern: patternUpTo(largestAlertId, `(${iauPrefix})?`), description: alertNameForms }
