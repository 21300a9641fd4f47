// GET /v1/alerts/{id}: the alert exactly as it was in Kafka (Confluent frame: 0x00, 4-byte schema id, Avro datum). Clients that accept
// gzip get the stored bytes unchanged, which halves CPU time and transfer. Other clients get the inflated alert.
import { type FastifyInstance } from 'fastify'
import { type ArchiveReader } from '../../stores/archive.ts'
import { parseAlertId } from '../../stores/layouts.ts'
import { chooseCoding, entityTag, sendImmutable } from '../conditional.ts'
import { sendProblem } from '../problems.ts'
import { readOnly } from '../read-only-routes.ts'

interface AlertsOptions {
  readonly archive: Pick<ArchiveReader, 'getAlert' | 'getAlertGzip'>
}

export async function alertsRoute (app: FastifyInstance, { archive }: AlertsOptions): Promise<void> {
  readOnly<{ Params: { id: string } }>(app, '/v1/alerts/:id', async (request, reply) => {
    // `parseAlertId` removes leading zeros, so /v1/alerts/007 is alert 7.
    const id = parseAlertId(request.params.id)
    if (id === undefined) return sendProblem(reply, 400, 'an alert id is 1 to 19 decimal digits, at most 9223372036854775807')
    reply.header('vary', 'Accept-Encoding')
    const coding = chooseCoding(request.headers['accept-encoding'])
    if (coding === undefined) return sendProblem(reply, 406, 'Accept-Encoding excludes both available codings, gzip and identity')
    const body = coding === 'gzip' ? await archive.getAlertGzip(id) : await archive.getAlert(id)
    if (body === undefined) return sendProblem(reply, 404, 'alert not found')
    reply.header('content-type', 'application/octet-stream')
    if (coding === 'gzip') reply.header('content-encoding', 'gzip')
    return sendImmutable(request, reply, body, entityTag(body, coding))
  })
}
