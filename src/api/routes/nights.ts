// GET /v1/nights and /v1/nights/{night}: the nights of the index with their counts, and the manifest of a night.
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Search } from '../../search/open-search.ts'
import { searchErrors } from '../../search/errors.ts'
import { disconnection } from '../disconnection.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'
import { nightPattern, problems, response } from '../response-schemas.ts'

interface NightsRouteOptions {
  /** Resolves to undefined if the server has no index. */
  readonly search: () => Promise<Search | undefined>
}

interface Querystring { readonly limit: number, readonly cursor?: string }

const night = { type: 'string', pattern: nightPattern, description: 'Night (day_obs), as YYYYMMDD.' }
const count = (description: string) => ({ type: 'integer', minimum: 0, description })
const final = {
  type: 'boolean', description: 'Whether the newest revision covers all segments. A later segment makes the night not final again.'
}
const object = (properties: Readonly<Record<string, unknown>>) =>
  ({ type: 'object', additionalProperties: false, required: Object.keys(properties), properties })
const list = (items: unknown, description: string) => ({ type: 'array', items, description })
const optional = (type: string, description: string) => ({ type: [type, 'null'], description })

const alerts = count('Number of alerts (ids).')
const nightsSchema = object({
  nights: list(object({
    night, alerts, segments: count('Number of segments.'), final,
    revision: optional('integer', 'Number of the newest revision, which may not cover all segments. Null if there is none.')
  }), 'Nights in ascending order.'),
  next: { ...optional('string', 'The cursor of the next page. Null on the last page.'), pattern: nightPattern }
})

const place = {
  topic: { type: 'string' }, topicId: { type: ['string', 'null'] }, partition: { type: 'integer' }
}
const offset = { type: 'string', pattern: '^[0-9]+$', description: 'Kafka offset in decimal digits.' }
const manifestSchema = object({
  version: { type: 'integer', const: 1 },
  night,
  segments: list({ type: 'string' }, 'Keys of the segments of the night.'),
  rows: count('Number of different messages. More than alerts if several messages were published under one id.'),
  alerts,
  bytes: count('Sum of the lengths of the messages.'),
  firstTimestamp: optional('integer', 'Lowest Kafka timestamp of the first deliveries, in ms since 1970.'),
  lastTimestamp: optional('integer', 'Highest Kafka timestamp of the first deliveries, in ms since 1970.'),
  digest: {
    type: 'string', pattern: '^[0-9a-f]{64}$',
    description: 'SHA-256 of one line {id}:{sha256} with a newline for each message, by ascending id, then hash.'
  },
  visits: list(object({
    visit: optional('string', 'Visit in decimal digits.'), rows: count('Number of messages.'),
    detectors: { type: 'object', additionalProperties: count('Number of messages.'), description: 'By detector; none: without detector.' }
  }), 'Counts by visit and detector.'),
  rejected: list(object({ ...place, offset, code: { type: 'string' } }), 'Records that are not valid alerts.'),
  gaps: list(object({ ...place, from: offset, to: offset }), 'Offsets that no segment accounts for: from inclusive, to exclusive.'),
  final,
  revision: optional('integer', 'Number of the revision. Null if the night is not final.'),
  createdAt: optional('string', 'Time of the revision. Null if the night is not final.'),
  writer: optional('string', 'Program and version that wrote the revision. Null if the night is not final.')
})

const json = 'application/json'
const errors = problems(400, 410, 429, 500, 501, 503)

export async function nightsRoute (app: FastifyInstance, { search }: NightsRouteOptions): Promise<void> {
  async function index (): Promise<Search> {
    const opened = await search()
    if (opened !== undefined) return opened
    throw searchErrors.SEARCH_UNAVAILABLE('the server has no index', { hint: 'Start it with --index-store.' })
  }

  function send (reply: FastifyReply, value: unknown): FastifyReply {
    const body = Buffer.from(`${JSON.stringify(value)}\n`)
    const headers = { 'content-type': `${json}; charset=utf-8`, 'cache-control': 'no-store', 'content-length': body.length }
    return reply.headers(headers).send(body)
  }

  readOnly<{ Querystring: Querystring }>(app, '/v1/nights', async (request, reply) => {
    const { limit, cursor } = request.query
    const { nights, next = null } = await (await index()).nights(cursor, limit, disconnection(reply))
    return send(reply, { nights, next })
  }, {
    operationId: 'listNights',
    summary: 'Nights with their numbers of alerts',
    querystring: {
      type: 'object', additionalProperties: false,
      properties: {
        limit: { type: 'integer', minimum: 1, maximum: 100, default: 30, description: 'Maximum number of nights in a page.' },
        cursor: { ...night, description: 'The cursor `next` of the page before: only nights after this one are listed.' }
      }
    },
    response: { 200: response('Nights in ascending order.', json, nightsSchema), ...errors }
  })

  readOnly<{ Params: { readonly night: string } }>(app, '/v1/nights/:night', async (request, reply) => {
    const found = await (await index()).night(request.params.night, disconnection(reply))
    if (found === undefined) return sendProblem(reply, 404, `the index has no night ${request.params.night}`)
    return send(reply, found)
  }, {
    operationId: 'getNight',
    summary: 'The manifest of a night',
    description: 'Two systems have the same alerts of a night if rows and digest agree. Unless the night is final, the manifest is ' +
      'computed from all its segments.',
    params: { type: 'object', required: ['night'], properties: { night } },
    response: { 200: response('The manifest.', json, manifestSchema), ...errors, ...problems(404) }
  })
}
