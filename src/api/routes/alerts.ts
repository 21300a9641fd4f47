// GET /v1/alerts/{id}: the alert exactly as it was in Kafka (Confluent frame: 0x00, 4 bytes of schema id, Avro). To clients that accept
// gzip the stored bytes are passed through untouched, which costs half the CPU time and bytes; to others they are inflated here.
import { type FastifyInstance } from 'fastify'
import { type ArchiveReader } from '../../stores/archive.ts'
import { parseAlertId } from '../../stores/layouts.ts'
import { chooseCoding, entityTag, sendForEver } from '../conditional.ts'
import { readOnly } from '../methods.ts'
import { sendProblem } from '../problems.ts'

export interface AlertsOptions {
  readonly archive: Pick<ArchiveReader, 'getAlert' | 'getAlertGzip'>
}

export async function alertsRoute (app: FastifyInstance, { archive }: AlertsOptions): Promise<void> {
  readOnly<{ Params: { id: string } }>(app, '/v1/alerts/:id', async (request, reply) => {
    // Leading zeros name the same alert.
    const id = parseAlertId(request.params.id)
    if (id === undefined) return sendProblem(reply, 400, 'an alert id is 1 to 19 decimal digits, at most 9223372036854775807')
    reply.header('vary', 'Accept-Encoding')
    const coding = chooseCoding(request.headers['accept-encoding'])
    if (coding === undefined) return sendProblem(reply, 406, 'alerts are sent in gzip or identity coding, and Accept-Encoding refuses both')
    const body = coding === 'gzip' ? await archive.getAlertGzip(id) : await archive.getAlert(id)
    if (body === undefined) return sendProblem(reply, 404, 'alert not found')
    reply.header('content-type', 'application/octet-stream')
    if (coding === 'gzip') reply.header('content-encoding', 'gzip')
    return sendForEver(request, reply, body, entityTag(body, coding))
  })
}
