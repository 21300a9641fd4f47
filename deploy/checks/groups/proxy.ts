// The read-only proxy of the schema registry: the configuration that the chart renders, on a real NGINX. Everybody reads, nobody writes. A
// recorder stands for the registry and tells what passes the proxy.
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { freePorts, LOOPBACK } from '../../../src/devstack/ports.ts'
import { startServer } from '../../../src/devstack/server-process.ts'
import { silent } from '../../../src/pipeline/log.ts'
import { Fault, none, type Check, type Context, type Group } from '../check.ts'
import { environmentsOf, pick, systemObjects, IDFINT, type KubernetesObject } from '../helm/charts.ts'
import type { PodSpec } from '../helm/pods.ts'

interface Seen { readonly method: string, readonly path: string, readonly headers: IncomingHttpHeaders, readonly body: string }
interface Setup { readonly port: number, readonly registry: Server, readonly address: string, readonly taken: () => Seen[] }

const UPSTREAM = 'alert-stream-schema-registry.readOnly.proxy.upstream'
const METHODS = ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'GETS']
const PATHS = ['/subjects/written/versions', '/config', '/mode', '//subjects/written/versions', '/schemas/../subjects/written/versions',
  '/schemas/ids/1/../../../subjects/written/versions', '/%2e%2e/subjects/written/versions', '/subjects%2Fwritten%2Fversions',
  '/subjects/written/versions?_method=GET', '/schemas/ids/1']
const DISGUISE = { 'x-http-method-override': 'DELETE', 'x-method-override': 'GET', 'content-type': 'application/json', cookie: 'a=b',
  range: 'bytes=0-1' }
const BODY = '{"schema":"\\"string\\""}'

export const proxy: Group = {
  name: 'proxy',
  about: 'the read-only proxy of the schema registry, on a real NGINX',
  tools: ['helm', 'nginx'],
  checks: async context => {
    let made: Promise<Setup> | undefined
    const check = (title: string, run: (setup: Setup) => Promise<void>): Check =>
      ({ title: `proxy: ${title}`, run: async () => { await run(await (made ??= setUp(context))) } })
    return [
      ...(await environmentsOf(context.root)).map(name =>
        ({ title: `proxy: nginx accepts the configuration of ${name}`, run: async () => await accepts(context, name) })),
      check('GET and HEAD are answered by the registry', reads),
      check('no other method passes, whatever its path and headers', writes),
      check('passes on a GET without a body, and of the headers only Accept', passesOnlyReads),
      check('requests hidden in others do not pass', hidden),
      check('serves a schema that it has served before while the registry is down', serves)
    ]
  }
}

async function setUp (context: Context): Promise<Setup> {
  const seen: Seen[] = []
  const registry = createServer((incoming, reply) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    incoming.on('end', () => {
      const { method = '', url: path = '', headers } = incoming
      seen.push({ method, path, headers, body: Buffer.concat(chunks).toString() })
      reply.setHeader('content-type', 'application/vnd.schemaregistry.v1+json').end(method === 'HEAD' ? '' : `{"path":"${path}"}`)
    })
  })
  await once(registry.listen(0, LOOPBACK), 'listening')
  const address = `${LOOPBACK}:${(registry.address() as AddressInfo).port}`
  context.defer(async () => {
    registry.closeAllConnections()
    registry.close()
    await Promise.resolve()
  })
  const [port = 0, health = 0] = await freePorts(2)
  const ports = [port, health]
  const config = (await configOf(context, IDFINT, address) ?? '').replaceAll(/listen \d+;/g, () => `listen ${LOOPBACK}:${ports.shift()};`)
  const folder = join(context.scratch, 'nginx')
  const nginx = await startServer({
    name: 'nginx',
    program: await context.tool('nginx'),
    args: await nginxArgs(folder, config),
    env: context.env,
    dataDir: folder,
    logFile: join(folder, 'nginx.log'),
    ready: async signal => (await fetch(`http://${LOOPBACK}:${health}/healthz`, { signal })).ok,
    readyMs: 20_000,
    log: silent
  })
  context.defer(async () => { await nginx.stop(5_000) })
  return { port, registry, address, taken: () => seen.splice(0) }
}

/** The rendered nginx.conf; undefined if the environment has no proxy. Fails if the pod starts nginx in another way than this check. */
async function configOf (context: Context, environment: string, upstream: string): Promise<string | undefined> {
  const objects = await systemObjects(context, environment, [`${UPSTREAM}=${upstream}`])
  if (!objects.some(({ metadata }) => metadata.name.endsWith('read-only'))) return undefined
  const { template } = pick<KubernetesObject & { spec: { template: { spec: PodSpec } } }>(objects, 'Deployment', 'read-only').spec
  const { command = [], args = [] } = template.spec.containers[0] ?? {}
  if (JSON.stringify([command, args.slice(2)]) !== JSON.stringify([['nginx'], ['-p', '/tmp/', '-c', '/etc/alert-stream/nginx.conf']]))
    throw new Fault('the pod starts nginx in another way', JSON.stringify({ command, args }))
  return pick<KubernetesObject & { data: Record<string, string> }>(objects, 'ConfigMap', 'read-only').data['nginx.conf']
}

async function nginxArgs (folder: string, config: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'nginx.conf'), config.replace('/dev/stdout', 'access.log'))
  // Workers of a root master run as another user, who may not enter this folder.
  return ['-e', 'stderr', '-p', `${folder}/`, '-c', join(folder, 'nginx.conf'), ...process.getuid?.() === 0 ? ['-g', 'user root;'] : []]
}

async function accepts (context: Context, environment: string): Promise<string | void> {
  const config = await configOf(context, environment, `${LOOPBACK}:8081`)
  if (config === undefined) return 'the environment has no proxy'
  await context.must(await context.tool('nginx'), ['-t', '-q', ...await nginxArgs(join(context.scratch, environment), config)])
}

async function reads ({ port, taken }: Setup): Promise<void> {
  for (const path of ['/subjects', '/subjects/alert-packet/versions/latest', '/schemas/ids/7?fetchMaxId=false']) {
    const get = await ask(port, 'GET', path)
    const head = await ask(port, 'HEAD', path)
    if (get.status !== 200 || get.body !== `{"path":"${path}"}` || head.status !== 200 || head.body !== '')
      throw new Fault(`${path}: ${get.status} ${get.body}, HEAD ${head.status}`)
  }
  if (taken().length < 3) throw new Fault('the requests did not reach the registry')
}

async function writes ({ port, taken }: Setup): Promise<void> {
  const problems: string[] = []
  for (const method of METHODS) for (const path of PATHS) for (const headers of [{}, DISGUISE]) {
    const { status, headers: { allow } } = await ask(port, method, path, headers, BODY)
    if (status !== 405 && status !== 400) problems.push(`${method} ${path}: ${status}`)
    if (status === 405 && method !== 'TRACE' && allow !== 'GET, HEAD') problems.push(`${method} ${path}: Allow is ${allow}`)
  }
  none([...problems, ...taken().map(({ method, path }) => `${method} ${path} reached the registry`)])
}

async function passesOnlyReads ({ port, address, taken }: Setup): Promise<void> {
  for (const path of PATHS) await ask(port, 'GET', path, { ...DISGUISE, accept: 'application/json', host: 'elsewhere',
    authorization: 'x' }, BODY)
  const seen = taken()
  if (seen.length < PATHS.length - 2) throw new Fault(`only ${seen.length} requests reached the registry`)
  none(seen.filter(({ method, headers: { host, accept, ...others }, body }) =>
    method !== 'GET' || body !== '' || host !== address || accept !== 'application/json' || Object.keys(others).length > 0)
    .map(each => JSON.stringify(each)))
}

async function hidden ({ port, taken }: Setup): Promise<void> {
  const write = `POST /subjects/written/versions HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`
  const get = 'GET /subjects HTTP/1.1\r\nHost: a\r\n'
  const last = `${get}Connection: close\r\n\r\n`
  for (const text of [
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
    socket.resume().write(text)
    await once(socket, 'close')
  }
  none(taken().filter(({ method, body }) => method !== 'GET' || body !== '').map(({ method, path }) =>
    `${method} ${path} reached the registry`))
}

async function serves ({ port, registry }: Setup): Promise<void> {
  const before = await ask(port, 'GET', '/schemas/ids/8')
  registry.closeAllConnections()
  registry.close()
  const after = await ask(port, 'GET', '/schemas/ids/8')
  const other = await ask(port, 'GET', '/subjects')
  if (before.status !== 200 || after.body !== before.body || other.status !== 502) throw new Fault(
    `${before.status}, ${after.status}, ${other.status}`)
}

interface Answer { readonly status: number, readonly headers: IncomingHttpHeaders, readonly body: string }

async function ask (port: number, method: string, path: string, headers: Readonly<Record<string, string>> = {},
  body = ''): Promise<Answer> {
  const length = body === '' ? {} : { 'content-length': String(body.length) }
  const outgoing = request({ host: LOOPBACK, port, method, path, headers: { ...headers, ...length }, agent: false, timeout: 20_000 })
  outgoing.end(body)
  const [incoming] = await once(outgoing, 'response') as [IncomingMessage]
  const chunks = await incoming.toArray() as Buffer[]
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks).toString() }
}
