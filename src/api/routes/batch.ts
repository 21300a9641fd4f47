// POST /v1/alerts/batch: many alerts by id, streamed from the archive. Missing and damaged alerts are reported and do not end the stream.
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { parseAlertName } from '../../ids/alert-id.ts'
import { QuerySlots } from '../../search/query-slots.ts'
import type { ArchiveReader } from '../../stores/archive.ts'
import { containerFile, jsonLines } from '../alert-batch.ts'
import { disconnection } from '../disconnection.ts'
import { sendProblem } from '../problems.ts'
import { postOnly } from '../read-only-routes.ts'
import { alertIdSchema, problems } from '../response-schemas.ts'
import { paced } from '../slow-readers.ts'

export interface BatchOptions {
  readonly archive: Pick<ArchiveReader, 'getAlert' | 'getSchema'>
  /** Maximum number of ids in a batch. */
  readonly maxIds: number
  /** Batches that are sent at the same time. */
  readonly batches: number
  readonly stallMs: number
}

interface BatchRequest { readonly Body: { readonly ids: readonly string[] } }

const ndjson = 'application/x-ndjson'
const avro = 'application/avro'
/** Bytes of an id in JSON: quotes, comma, space and an IAU name. */
const idBytes = 36
/** How long a batch waits for another one to end, in milliseconds. */
const waitMs = 1000

const lineDescription = 'One line for each id, in the order of the request, each id once: {"id": "...", "found": true, "alert": "..."} ' +
  'with the alert as it was in Kafka in base64, or {"id": "...", "found": false}. An alert whose object is damaged has "error" in ' +
  'place of "alert".'

export async function batchRoute (app: FastifyInstance, { archive, maxIds, batches, stallMs }: BatchOptions): Promise<void> {
  const slots = new QuerySlots(batches, waitMs)
  const schema = {
    operationId: 'getAlerts',
    summary: 'Many alerts by id',
    description: `The response is JSON lines. With Accept: ${avro}, it is an Avro object container file of the alerts that have the ` +
      'schema of the first alert; it leaves out the others, and those that are missing or damaged.',
    body: {
      type: 'object', required: ['ids'], additionalProperties: false,
      properties: { ids: { type: 'array', minItems: 1, maxItems: maxIds, items: alertIdSchema } }
    },
    response: {
      200: {
        description: 'The alerts.',
        content: {
          [ndjson]: { schema: { type: 'string', description: lineDescription } },
          [avro]: { schema: { type: 'string', format: 'binary' } }
        }
      },
      ...problems(400, 404, 413, 415, 429, 500, 503)
    }
  }
  const bodyLimit = maxIds * idBytes + 1024

  async function handler (request: FastifyRequest<BatchRequest>, reply: FastifyReply): Promise<FastifyReply> {
    const ids = [...new Set(request.body.ids.map(id => parseAlertName(id)!))]
    const signal = disconnection(reply)
    const container = /application\/avro|avro\/binary/i.test(request.headers.accept ?? '')
    return await slots.run(signal, async () => {
      const chunks = container ? containerFile(archive, ids, signal) : jsonLines(archive, ids, signal)
      // Failures up to here have a response of their own. A later one cuts the response, and the client sees that it is incomplete.
      const first = await chunks.next()
      if (first.done === true) return sendProblem(reply, 404, 'none of the alerts is archived')
      reply.headers({ 'content-type': container ? avro : ndjson, 'cache-control': 'no-store', vary: 'Accept' })
      void reply.send(Readable.from(paced(app, resumed(first.value, chunks), stallMs)))
      await finished(reply.raw).catch(() => {})
      return reply
    })
  }

  postOnly<BatchRequest>(app, '/v1/alerts/batch', { schema, bodyLimit, objection: numericIds, handler })
}

/** The validation would turn numbers into text, but JSON numbers are exact only to 2^53. */
function numericIds (body: unknown): string | undefined {
  const { ids } = (body ?? {}) as { readonly ids?: unknown }
  const isText = ids === undefined || (Array.isArray(ids) && ids.every(id => typeof id === 'string'))
  return isText ? undefined : 'ids must be an array, whose elements must be strings, because JSON numbers are exact only to 2^53'
}

async function * resumed<T> (first: T, others: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first
  yield * others
}
