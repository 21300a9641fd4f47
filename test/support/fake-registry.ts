// A small HTTP server that imitates a schema registry, including responses that the real registry does not give.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export type Answer = readonly [status: number, body: string]

/** Responses for single schema ids, from a registry that is otherwise healthy. */
export const badAnswers: Readonly<Record<number, Answer>> = {
  20: [400, '{"error_code":400,"message":"bad"}'], 21: [404, '{"message":"no such thing"}'], 22: [404, 'RESTEASY003210: not found'],
  23: [404, '[]'], 24: [422, '{"error_code":42201}'], 25: [500, '{"error_code":50001,"message":"store"}'], 26: [500, 'Internal error'],
  27: [200, '<html>'], 28: [200, '{"schema":"{\\"type\\":"}'], 29: [200, '{"schema":{"type":"long"}}'], 30: [200, ''], 31: [204, ''],
  32: [405, ''], 33: [501, '']
}

/** Starts a registry with the given schema texts and responses by id. It lists no subject and records the requested paths. */
export async function fakeRegistry (t: Test, schemas: Readonly<Record<number, string | Answer>>) {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    const id = Number(/\/schemas\/ids\/(\d+)/.exec(request.url ?? '')?.[1])
    const found = request.url === '/subjects' ? [200, '[]'] as const : schemas[id]
    const [status, body] = found === undefined
      ? [404, '{"error_code":40403,"message":"Schema not found"}']
      : typeof found === 'string' ? [200, JSON.stringify({ schema: found })] : found
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}
