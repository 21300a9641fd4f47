// GET /api/alerts/links: the DataLink document of an alert, as from Herald. Like Herald, it does not look whether the alert is archived.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { dataLinkTable } from '../../../formats/datalink.ts'
import { heraldRoute } from '../../herald.ts'
import { response } from '../../response-schemas.ts'

const voTable = 'application/x-votable+xml'

const schema = {
  operationId: 'getHeraldLinks',
  summary: 'Links to the forms and parts of an alert, as from Herald',
  description: 'DataLink document (VOTable) with the access URLs of the alert, its cutouts and its schema. ' +
    'The host of the URLs is that of the request; their scheme is that of X-Forwarded-Proto.',
  response: { 200: response('The links.', voTable, { type: 'string' }) }
}

export async function heraldLinksRoute (app: FastifyInstance, { publicPrefix }: { readonly publicPrefix: string }): Promise<void> {
  heraldRoute(app, {
    paths: ['/api/alerts/links', '/api/links'],
    schema,
    handler (request, reply, { id }) {
      const alerts = `${originOf(request)}${publicPrefix}/api/alerts`
      const body = dataLinkTable(id, [
        { url: `${alerts}?ID=${id}`, description: 'Alert packet (Avro OCF)', semantics: '#this', mediaType: 'application/x-avro-ocf' },
        {
          url: `${alerts}?ID=${id}&RESPONSEFORMAT=fits`, description: 'Alert packet (FITS)', semantics: '#this',
          mediaType: 'application/fits'
        },
        { url: `${alerts}/cutouts?ID=${id}`, description: 'Cutout images (FITS)', semantics: '#cutout', mediaType: 'application/fits' },
        {
          url: `${alerts}/schema?ID=${id}`, description: 'Avro schema (JSON)', semantics: '#detached-header',
          mediaType: 'application/json'
        }
      ])
      // The body depends on the address under which the client knows the server.
      return reply.headers({ 'content-type': voTable, 'cache-control': 'no-store', 'content-length': Buffer.byteLength(body) }).send(body)
    }
  })
}

/** Scheme and host of the server for the client. A proxy that ends TLS sets X-Forwarded-Proto. */
function originOf ({ headers, host }: FastifyRequest): string {
  const [scheme = ''] = String(headers['x-forwarded-proto'] ?? '').split(',')
  return `${scheme.trim() === 'https' ? 'https' : 'http'}://${/^[A-Za-z0-9.:[\]_-]+$/.test(host) ? host : 'localhost'}`
}
