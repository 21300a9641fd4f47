// Reference server for bench/serve.ts: Fastify without hooks that sends one buffer of N bytes for every alert, or 304 for every conditional
// request. bench/serve.ts runs `node bench/constant-server.ts N PORT` as a child process, which sends 'ready' over the IPC channel.
import { randomBytes } from 'node:crypto'
import fastify from 'fastify'

const [bytes = '', port = ''] = process.argv.slice(2)
const body = randomBytes(Number(bytes))
const headers = { 'content-type': 'application/octet-stream', 'content-length': body.length, etag: '"constant"' }
const app = fastify({ logger: false })
app.get('/v1/alerts/:id', (request, reply) => {
  if (request.headers['if-none-match'] === undefined) void reply.headers(headers).send(body)
  else void reply.code(304).header('etag', headers.etag).send()
})
await app.listen({ host: '127.0.0.1', port: Number(port) })
process.send?.('ready')
