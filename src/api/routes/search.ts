// GET /v1/alerts: alerts by visit, night, detector, object, time, band and position, from the index. A page is complete in memory before
// its first byte is sent, so an error never cuts a page short. Without an index, only the ids of a visit or detector are listed, by the
// keys of the archive.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { columnNames, columns, defaultColumns, isColumn, type ColumnName } from '../../search/columns.ts'
import type { Page, Search } from '../../search/open-search.ts'
import type { AlertQuery } from '../../search/query.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import { int64Pattern, nightPattern, problems } from '../response-schemas.ts'
import { disconnection } from '../disconnection.ts'
import { HeldBodies } from '../held-bodies.ts'
import { invalidTime, parseTime, timeSchema } from '../times.ts'
import type { ListVisit } from '../visit-listing.ts'

export interface SearchLimits {
  /** Maximum number of alerts in a page. */
  readonly page: number
  /** Largest radius of a cone, in degrees. */
  readonly radius: number
}

interface SearchRouteOptions {
  /** Resolves to undefined if the server has no index. */
  readonly search: () => Promise<Search | undefined>
  readonly listVisit: ListVisit
  readonly limits: SearchLimits
  /** Memory for pages that are being sent, in bytes. */
  readonly bufferBytes: number
}

interface Querystring {
  readonly visit?: string
  readonly night?: string
  readonly detector?: number
  readonly diaObjectId?: string
  readonly ssObjectId?: string
  readonly since?: string
  readonly until?: string
  readonly band?: string
  readonly ra?: number
  readonly dec?: number
  readonly radius?: number
  readonly columns?: string
  readonly count?: 'only'
  readonly limit: number
  readonly cursor?: string
}

const ndjson = 'application/x-ndjson'
const anyColumn = `(${columnNames.join('|')})`
const defaultLimit = 1000

function querySchema ({ page, radius }: SearchLimits) {
  const text = (pattern: string, description: string) => ({ type: 'string', pattern, description })
  const degrees = (minimum: number, maximum: number, description: string) => ({ type: 'number', minimum, maximum, description })
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      visit: text(int64Pattern, 'Visit, in decimal digits.'),
      night: text(nightPattern, 'Night (day_obs) of the alert id, as YYYYMMDD.'),
      detector: { type: 'integer', minimum: 0, maximum: 2 ** 31 - 1, description: 'Detector.' },
      diaObjectId: text(int64Pattern, 'DIAObject, in decimal digits.'),
      ssObjectId: text(int64Pattern, 'Solar system object, in decimal digits.'),
      since: timeSchema('Earliest Kafka timestamp, inclusive'),
      until: timeSchema('Latest Kafka timestamp, exclusive'),
      band: { type: 'string', minLength: 1, maxLength: 64, description: 'Band of the filter, such as r.' },
      ra: degrees(0, 360, 'Right ascension of the centre of a cone, ICRS, in degrees. Needs dec and radius.'),
      dec: degrees(-90, 90, 'Declination of the centre of a cone, ICRS, in degrees. Needs ra and radius.'),
      radius: degrees(0, radius, 'Radius of the cone in degrees. Needs ra and dec.'),
      columns: text(`^${anyColumn}(,${anyColumn})*$`, `Columns of the result, separated by commas. Columns: ${columnNames.join(', ')}.`),
      count: { type: 'string', enum: ['only'], description: 'Only the number of alerts.' },
      limit: {
        type: 'integer', minimum: 1, maximum: page, default: Math.min(defaultLimit, page),
        description: 'Maximum number of alerts in a page.'
      },
      cursor: { ...text('^[A-Za-z0-9_-]+$', 'The cursor `next` of the page before, with an otherwise equal query.'), maxLength: 7500 }
    }
  }
}

const alertSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...Object.fromEntries(columnNames.map(name => {
      const { type, description, ...rest } = columns[name]
      return [name, { type: 'nullable' in rest ? type : [type, 'null'], description }]
    })),
    conflict: { type: 'boolean', const: true, description: 'Several different alerts were published under this id.' }
  }
}

const next = { type: ['string', 'null'], description: 'The cursor of the next page. Null on the last page.' }
const pageSchema = {
  type: 'object', required: ['alerts', 'next'], additionalProperties: false,
  properties: { alerts: { type: 'array', items: alertSchema }, next }
}
const countSchema = {
  type: 'object', required: ['count'], additionalProperties: false, properties: { count: { type: 'integer', minimum: 0 } }
}

function schema (limits: SearchLimits) {
  return {
    operationId: 'searchAlerts',
    summary: 'Alerts by visit, night, detector, object, time, band and position',
    description: 'Alerts are listed by ascending id. All pages of a listing show the alerts that were indexed when it began. ' +
      `With Accept: ${ndjson}, each line is an alert, and the last line is {"next": "..."} if there are more pages.`,
    querystring: querySchema(limits),
    response: {
      200: {
        description: 'A page, or the number of alerts.',
        content: {
          'application/json': { schema: { oneOf: [pageSchema, countSchema] } },
          [ndjson]: { schema: { type: 'string', description: 'JSON lines.' } }
        }
      },
      ...problems(400, 406, 410, 429, 500, 501, 503)
    }
  }
}

export async function searchRoute (app: FastifyInstance, options: SearchRouteOptions): Promise<void> {
  const { search: openSearch, listVisit, limits, bufferBytes } = options
  const pages = new HeldBodies('pages', bufferBytes)

  async function pageOf (request: FastifyRequest<{ Querystring: Querystring }>, query: AlertQuery, signal: AbortSignal) {
    const { limit, cursor: text, columns: names, count } = request.query
    const search = await openSearch()
    if (search === undefined) return await listVisit(query, { limit, cursor: text, count, columns: names }, signal)
    if (count === 'only') return { count: await search.count(query, signal) }
    const cursor = text === undefined ? undefined : search.cursor(query, text)
    if (text !== undefined && cursor === undefined) return 'cursor'
    return await search.page({ query, columns: columnsOf(names), limit, cursor }, signal)
  }

  readOnly<{ Querystring: Querystring }>(app, '/v1/alerts', async (request, reply) => {
    const type = mediaType(request.headers.accept)
    if (type === undefined) return sendProblem(reply, 406, `Accept excludes both available media types, application/json and ${ndjson}`)
    const query = queryOf(request.query)
    if (typeof query === 'string') return sendProblem(reply, 400, query)
    const result = await pageOf(request, query, disconnection(reply))
    if (result === 'cursor') return sendProblem(reply, 400, 'the query parameter cursor is not the cursor of a page of this query')
    reply.headers({ vary: 'Accept', 'content-type': type, 'cache-control': 'no-store' })
    return pages.send(reply, Buffer.from(bodyOf(result, type)))
  }, schema(limits))
}

/** The query of the parameters, or what is wrong with them. */
function queryOf (parameters: Querystring): AlertQuery | string {
  const { visit, night, detector, diaObjectId, ssObjectId, since, until, band, ra, dec, radius } = parameters
  const cone = [ra, dec, radius].filter(value => value !== undefined)
  if (cone.length !== 0 && cone.length !== 3) return 'a cone needs the query parameters ra, dec and radius'
  const integer = (text: string | undefined): bigint | undefined => text === undefined ? undefined : BigInt(text)
  const [from, end] = [since, until].map(text => text === undefined ? undefined : parseTime(text))
  if (Number.isNaN(from) || Number.isNaN(end)) return invalidTime
  return {
    night: night === undefined ? undefined : Number(night),
    visit: integer(visit), detector, diaObjectId: integer(diaObjectId), ssObjectId: integer(ssObjectId), since: from, until: end, band,
    cone: ra === undefined || dec === undefined || radius === undefined ? undefined : { ra, dec, radius }
  }
}

function columnsOf (names: string | undefined): readonly ColumnName[] {
  return names === undefined ? defaultColumns : [...new Set(names.split(',').filter(isColumn))]
}

function bodyOf (result: Page | { readonly count: number }, type: string): string {
  const lines = type === ndjson
  if ('count' in result) return `${JSON.stringify(result)}\n`
  const { alerts, next } = result
  if (!lines) return `{"alerts":[\n${alerts.join(',\n')}\n],"next":${JSON.stringify(next ?? null)}}\n`
  return [...alerts, ...next === undefined ? [] : [JSON.stringify({ next })]].map(line => `${line}\n`).join('')
}

/** JSON unless the client prefers JSON lines. Undefined if the client accepts neither. */
function mediaType (accept: string | undefined): string | undefined {
  const json = 'application/json; charset=utf-8'
  if (accept === undefined) return json
  const ranges = accept.split(',').map(range => range.trim().toLowerCase()).filter(range => !/;\s*q=0(\.0*)?\s*($|;)/.test(range))
  const names = ranges.map(range => range.split(';')[0]!.trim())
  if (names.some(name => name === ndjson || name === 'application/ndjson' || name === 'application/jsonl')) return ndjson
  return names.some(name => name === 'application/json' || name === 'application/*' || name === '*/*') ? json : undefined
}
