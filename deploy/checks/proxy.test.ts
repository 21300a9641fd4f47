// The read-only proxy of the schema registry: the configuration that the chart renders, on a real NGINX. Everybody reads, nobody writes. A
// recorder stands for the registry and tells what passes the proxy.
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, request, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { freePorts, LOOPBACK } from '../../src/devstack/ports.ts'
import { startServer } from '../../src/devstack/server-process.ts'
import { silent } from '../../src/pipeline/log.ts'
import { environments, IDFINT, systemObjects } from './helm/charts.ts'
import { must, tool } from './tools/toolbox.ts'
import { tempDir } from '../../test/support/stack.ts'

interface ConfigMap { readonly data: { readonly 'nginx.conf': string } }

const METHODS = ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'GETS']
const PATHS = ['/subjects/written/versions', '/config', '/mode', '//subjects/written/versions', '/schemas/../subjects/written/versions',
  '/schemas/ids/1/../../../subjects/written/versions', '/%2e%2e/subjects/written/versions', '/subjects%2Fwritten%2Fversions',
  '/subjects/written/versions?_method=GET', '/schemas/ids/1']
const DISGUISE = { 'x-http-method-override': 'DELETE', 'x-method-override': 'GET', 'content-type': 'application/json', cookie: 'a=b',
  range: 'bytes=0-1' }
const BODY = '{"schema":"\\"string\\""}'

const scratch = await tempDir(t)
const seen: Array<{ readonly method: string, readonly path: string, readonly headers: object, readonly body: string }> = []
const registry = createServer(async (incoming, reply) => {
  const { method = '', url: path = '', headers } = incoming
  seen.push({ method, path, headers, body: await text(incoming) })
  reply.setHeader('content-type', 'application/vnd.schemaregistry.v1+json').end(method === 'HEAD' ? '' : `{"path":"${path}"}`)
})
await once(registry.listen(0, LOOPBACK), 'listening')
const address = `${LOOPBACK}:${(registry.address() as AddressInfo).port}`
const [port = 0, health = 0] = await freePorts(2)

/** Writes the nginx.conf that an environment renders, on ports of this machine. Returns the arguments of nginx; none without a proxy. */
async function nginxArgs (environment: string): Promise<string[]> {
  const objects = await systemObjects(environment, [`alert-stream-schema-registry.readOnly.proxy.upstream=${address}`])
  const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith('read-only')) as ConfigMap | undefined
  if (map === undefined) return []
  const folder = join(scratch, environment)
  await mkdir(folder)
  const ports = [port, health]
  await writeFile(join(folder, 'nginx.conf'), map.data['nginx.conf'].replace('/dev/stdout', 'access.log')
    .replaceAll(/listen \d+;/g, () => `listen ${LOOPBACK}:${ports.shift()};`))
  // Workers of a root master run as another user, who may not enter this folder.
  return ['-e', 'stderr', '-p', `${folder}/`, '-c', join(folder, 'nginx.conf'), ...process.getuid?.() === 0 ? ['-g', 'user root;'] : []]
}

async function ask (method: string, path: string, headers: Readonly<Record<string, string>> = {}, body = '') {
  const length = body === '' ? {} : { 'content-length': String(body.length) }
  const outgoing = request({ host: LOOPBACK, port, method, path, headers: { ...headers, ...length }, agent: false, timeout: 20_000 })
  outgoing.end(body)
  const [incoming] = await once(outgoing, 'response') as [IncomingMessage]
  return { status: incoming.statusCode, allow: incoming.headers.allow, body: await text(incoming) }
}

// tap ends a file that waits between two tests, so everything is prepared before the first one.
const commands = new Map<string, string[]>()
for (const environment of environments) commands.set(environment, await nginxArgs(environment))
const program = await tool('nginx')
const nginx = await startServer({ name: 'nginx', program, args: commands.get(IDFINT)!, env: process.env, dataDir: join(scratch, IDFINT),
  logFile: join(scratch, 'nginx.log'), ready: async signal => (await fetch(`http://${LOOPBACK}:${health}/healthz`, { signal })).ok,
  readyMs: 20_000, log: silent })
t.teardown(async () => { await nginx.stop(5_000) })

for (const [environment, args] of commands) {
  await t.test(`proxy: nginx accepts the configuration of ${environment}`, { skip: args.length === 0 && 'it has no proxy' }, async () => {
    await must(program, ['-t', '-q', ...args])
  })
}

await t.test('proxy: GET and HEAD are answered by the registry', async t => {
  for (const path of ['/subjects', '/subjects/alert-packet/versions/latest', '/schemas/ids/7?fetchMaxId=false']) {
    t.match(await ask('GET', path), { status: 200, body: `{"path":"${path}"}` })
    t.match(await ask('HEAD', path), { status: 200, body: '' })
  }
  t.ok(seen.splice(0).length >= 3, 'the requests reached the registry')
})

await t.test('proxy: no other method passes, whatever its path and headers', async t => {
  for (const method of METHODS) {
    for (const path of PATHS) {
      for (const headers of [{}, DISGUISE]) {
        const { status, allow } = await ask(method, path, headers, BODY)
        t.ok(status === 405 || status === 400, `${method} ${path}: ${status}`)
        if (status === 405 && method !== 'TRACE') t.equal(allow, 'GET, HEAD', `${method} ${path}`)
      }
    }
  }
  t.strictSame(seen.splice(0), [])
})

await t.test('proxy: passes on a GET without a body, and of the headers only Accept', async t => {
  for (const path of PATHS) await ask('GET', path, { ...DISGUISE, accept: 'application/json', host: 'elsewhere', authorization: 'x' }, BODY)
  const passed = seen.splice(0)
  t.ok(passed.length >= PATHS.length - 2, `${passed.length} requests reached the registry`)
  for (const { path, ...others } of passed)
    t.strictSame(others, { method: 'GET', headers: { host: address, accept: 'application/json' }, body: '' }, path)
})

await t.test('proxy: requests hidden in others do not pass', async t => {
  const write = `POST /subjects/written/versions HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`
  const get = 'GET /subjects HTTP/1.1\r\nHost: a\r\n'
  const last = `${get}Connection: close\r\n\r\n`
  for (const words of [
    `${get}\r\n${write}${last}`,
    `${get}Content-Length: ${write.length}\r\n\r\n${write}${last}`,
    `${get}Transfer-Encoding: chunked\r\n\r\n${write.length.toString(16)}\r\n${write}\r\n0\r\n\r\n${last}`,
    `${get}Content-Length: ${write.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${write}${last}`,
    `${get}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${write}${last}`,
    'GET /subjects%0d%0aPOST%20/subjects/written/versions HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    `POST /subjects/written/versions HTTP/1.0\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
    'POST /subjects/written/versions\r\n',
    ' POST /subjects/written/versions HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  ]) {
    const socket = connect({ host: LOOPBACK, port }).on('error', () => {}).setTimeout(20_000, () => { socket.destroy() })
    socket.resume().write(words)
    await once(socket, 'close')
  }
  t.strictSame(seen.splice(0).filter(({ method, body }) => method !== 'GET' || body !== ''), [])
})

await t.test('proxy: serves a schema that it has served before while the registry is down', async t => {
  const before = await ask('GET', '/schemas/ids/8')
  registry.closeAllConnections()
  registry.close()
  t.equal(before.status, 200)
  t.equal((await ask('GET', '/schemas/ids/8')).body, before.body)
  t.equal((await ask('GET', '/subjects')).status, 502)
})
