// The rule of the schema registry's chart: everybody reads, nobody writes. Held against a real NGINX with the configuration that the chart
// renders, and a real registry behind it; then the same of the Ingress, in both its forms; then that these questions would find an open
// registry.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { LOOPBACK } from '../../../src/devstack/ports.ts'
import { startRegistry } from '../../../src/devstack/registry-server.ts'
import { Fault, none, type Check, type Context } from '../check.ts'
import { readChart, variantsOf } from '../helm/charts.ts'
import type { KubernetesObject } from '../helm/render.ts'
import { ask, askRaw, titleOf, type Question } from './ask.ts'
import { nginxArgs, startNginx, type Nginx } from './nginx.ts'
import { startRecorder, type Recorder, type Seen } from './recorder.ts'
import { argsOf, templated, pick, withFlags, type PodSpec } from './rendered.ts'
import { nginxConfig, type Ingress } from './translate.ts'

const CHART = 'alert-stream-schema-registry'
const SUBJECT = 'alert-packet'
const SCHEMA = {
  type: 'record',
  name: 'alert',
  namespace: 'lsst.v7_4',
  doc: 'Kept whole.',
  fields: [{ name: 'alertId', type: 'long', doc: 'unique' }]
}

interface Setup {
  readonly objects: readonly KubernetesObject[]
  readonly config: string
  /** Base URL of the registry itself, and what it holds. */
  readonly registry: string
  readonly content: () => Promise<unknown>
  /** Stands before the registry, at the address that the chart's proxy is told. */
  readonly recorder: Recorder
  readonly proxy: Nginx
}

export function registryChecks (context: Context): readonly Check[] {
  let made: Promise<Setup> | undefined
  const with_ = (title: string, run: (setup: Setup) => Promise<void>): Check => ({
    title: `registry: ${title}`,
    run: async () => { await run(await (made ??= setUp(context))) }
  })
  return [
    with_('the Job brings the schema, and changes nothing when it runs again', async setup => { await syncsTwice(context, setup) }),
    with_('nginx is started in the pod as it is here, with the configuration of the chart', async ({ objects, proxy }) => {
      const { template: { spec } } =
        pick<KubernetesObject & { spec: { template: { spec: PodSpec } } }>(objects, 'Deployment', 'read-only').spec
      const { command, args } = spec.containers[0] ?? {}
      if (!isDeepStrictEqual([command, args], [['nginx'], nginxArgs('/tmp', '/etc/alert-stream/nginx.conf')]))
        throw new Fault('it is not', JSON.stringify({ command, args }))
      if ((await ask(proxy.otherPort, { path: '/healthz' })).status !== 200) throw new Fault('its health check does not answer')
    }),
    { title: 'registry: nginx takes what the chart renders with each of its values', run: async () => { await takesAll(context) } },
    with_('GET and HEAD through the proxy are answered as by the registry', async ({ proxy, recorder }) => {
      none(await readingFaults(proxy.port, recorder.port), 'answers that differ')
    }),
    with_('no other method passes the proxy, whatever its path or headers', async ({ proxy, recorder, content }) => {
      await unchanged(content, async () => none(await writingFaults(proxy.port, recorder, [405]), 'faults'))
    }),
    with_('what the proxy passes on is a GET without a body, and of the headers only Accept', async ({ proxy, recorder }) => {
      none(await passedFaults(proxy.port, recorder), 'faults')
    }),
    with_('requests that are hidden in others do not pass the proxy', async ({ proxy, recorder, content }) => {
      await unchanged(content, async () => none(await hiddenFaults(proxy.port, recorder), 'faults'))
    }),
    with_(
      'through the Ingress and the proxy: read, not written; other hosts are not served',
      async ({ objects, proxy, recorder, content }) => {
      const ingress = pick<Ingress & KubernetesObject>(objects, 'Ingress')
      const upstream = (service: string, port: string | number): string => {
        if (service !== 'alert-schema-registry-read-only' || port !== 'http') throw new Fault(`the Ingress leads to ${service}:${port}`)
        return `${LOOPBACK}:${proxy.port}`
      }
      const front = await startNginx(context, 'registry-ingress', port => nginxConfig(ingress, port, { upstream }))
      await unchanged(content, async () => none(await throughIngress(front.port, recorder, [405]), 'faults'))
    }),
    with_('through the Ingress with the snippet of DMTN-210: read, not written', async ({ recorder, content }) => {
      const objects = await templated(context, CHART, {
        files: [join(context.root, 'deploy/environments/idfint', `${CHART}.yaml`)],
        args: ['--set', 'readOnly.mode=snippet']
      })
      const ingress = pick<Ingress & KubernetesObject>(objects, 'Ingress')
      const front = await startNginx(
        context,
        'registry-snippet',
        port => nginxConfig(ingress, port, { upstream: () => `${LOOPBACK}:${recorder.port}` })
      )
      await unchanged(content, async () => none(await throughIngress(front.port, recorder, [403]), 'faults'))
    }),
    with_('helm test passes by the proxy, and fails where everybody could write', async ({ objects, proxy, recorder }) => {
      await helmTest(context, objects, proxy.port, recorder.port, 0)
      await helmTest(context, objects, recorder.port, recorder.port, 1)
    }),
    with_('the questions find it open where nginx lacks the two rules', async ({ config, recorder }) => {
      const open = config.replace(/if \(\$reads = 0\) \{[^}]*\}"?'?;?\s*\}/, '').replaceAll(
        /^\s*(proxy_method GET|proxy_pass_request_body off|proxy_pass_request_headers off);$/gm,
        ''
      )
      if (open === config || /\$reads = 0|proxy_method/.test(open)) throw new Fault('the rules are not where they were thought to be', open)
      const nginx = await startNginx(context, 'registry-open', (port, other) => onPorts(open, port, other))
      const found = await writingFaults(nginx.port, recorder, [405])
      if (!found.some(line => line.includes('reached the registry')))
        throw new Fault('a write through an open proxy is not noticed', found.join('\n'))
    }),
    with_('a schema that was asked for is there while the registry is away', async ({ proxy, recorder }) => {
      const path = '/schemas/ids/1'
      const before = await ask(proxy.port, { path })
      await recorder.stop()
      const [after, other] = [await ask(proxy.port, { path }), await ask(proxy.port, { path: '/subjects' })]
      if (before.status !== 200 || after.status !== 200 || !after.body.equals(before.body))
        throw new Fault(`${path}: ${before.status}, then ${after.status}`)
      if (other.status !== 502) throw new Fault(`/subjects: ${other.status}, expected 502`)
    })
  ]
}

async function setUp (context: Context): Promise<Setup> {
  const server = await startRegistry({
    cacheDir: context.cacheDir,
    dataDir: join(context.scratch, 'registry'),
    env: context.env,
    progress: context.progress
  })
  context.defer(async () => { await server.stop(5_000) })
  const recorder = await startRecorder(context, server.url)
  const objects = await templated(context, CHART, {
    files: [join(context.root, 'deploy/environments/idfint', `${CHART}.yaml`)],
    args: ['--set', `readOnly.proxy.upstream=${LOOPBACK}:${recorder.port}`]
  })
  const config = configOf(objects)
  const proxy = await startNginx(context, 'registry-proxy', (port, other) => onPorts(config, port, other))
  const content = async (): Promise<unknown> => {
    const get = async (path: string): Promise<unknown> => await (await fetch(server.url + path)).json()
    const subjects = await get('/subjects') as string[]
    return {
      subjects,
      config: await get('/config'),
      versions: await Promise.all(subjects.map(async subject => await get(`/subjects/${subject}/versions`)))
    }
  }
  return { objects, config, registry: server.url, content, recorder, proxy }
}

/** The one change to the chart's configuration: free ports, of this machine only. */
function onPorts (config: string, port: number, otherPort: number): string {
  const ports = [port, otherPort]
  const result = config.replaceAll(/listen (\d+);/g, () => `listen ${LOOPBACK}:${ports.shift() ?? 0};`)
  if (ports.length > 0) throw new Fault('the configuration does not listen on two ports', config)
  return result
}

async function takesAll (context: Context): Promise<void> {
  const chart = await readChart(join(context.root, 'deploy', 'helm', CHART))
  let taken = 0
  for (const { title, files } of await variantsOf(context.root, chart)) {
    const objects = await templated(context, CHART, { files, args: ['--set', `readOnly.proxy.upstream=${LOOPBACK}:8081`] })
    if (!objects.some(({ kind }) => kind === 'ConfigMap')) continue
    const folder = join(context.scratch, `try-${title.replaceAll(/\W/g, '-')}`)
    await mkdir(folder, { recursive: true })
    // What this program reads of it comes through a socket, which cannot be opened by name.
    await writeFile(join(folder, 'nginx.conf'), configOf(objects).replace('/dev/stdout', 'access.log'))
    await context.must(await context.tool('nginx'), ['-t', '-q', ...nginxArgs(folder, join(folder, 'nginx.conf'))])
    taken++
  }
  if (taken < 2) throw new Fault(`${taken} sets of values have a proxy`)
}

function configOf (objects: readonly KubernetesObject[]): string {
  return pick<KubernetesObject & { data: Readonly<Record<string, string>> }>(objects, 'ConfigMap', 'read-only').data['nginx.conf'] ?? ''
}

async function syncsTwice (context: Context, { objects, registry, content }: Setup): Promise<void> {
  const schemas = join(context.scratch, 'schemas')
  await mkdir(join(schemas, '7/4'), { recursive: true })
  await writeFile(join(schemas, '7/4/lsst.v7_4.alert.avsc'), JSON.stringify(SCHEMA))
  const args = withFlags(argsOf(pick(objects, 'Job').spec), { 'schema-registry-url': registry, 'schema-package': schemas })
  const run = async (): Promise<string> => await context.must(process.execPath, [join(context.root, 'bin/alert-stream.js'), ...args])
  const first = await run()
  const before = await content()
  const second = await run()
  if (!first.includes(', registered') || !second.includes('already registered')) throw new Fault('it did not say so', first + second)
  if (!isDeepStrictEqual(await content(), before)) throw new Fault('the registry has changed')
}

async function unchanged (content: () => Promise<unknown>, work: () => Promise<void>): Promise<void> {
  const before = await content()
  await work()
  const after = await content()
  if (!isDeepStrictEqual(after, before)) throw new Fault('the registry has changed', `${JSON.stringify(before)}\n${JSON.stringify(after)}`)
}

async function readingFaults (port: number, direct: number): Promise<string[]> {
  const faults: string[] = []
  const paths = ['/subjects', `/subjects/${SUBJECT}/versions`, `/subjects/${SUBJECT}/versions/latest`, '/schemas/ids/1',
    '/schemas/ids/1?fetchMaxId=false', '/schemas/ids/999999', '/config']
  for (const path of paths) {
    const [through, own] = [await ask(port, { path }), await ask(direct, { path })]
    if (through.status !== own.status || !through.body.equals(own.body))
      faults.push(`GET ${path}: ${through.status}, the registry itself: ${own.status}`)
    if (through.headers['content-type'] !== own.headers['content-type'])
      faults.push(`GET ${path}: ${through.headers['content-type']}, the registry itself: ${own.headers['content-type']}`)
    const head = await ask(port, { method: 'HEAD', path })
    if (head.status !== own.status || head.body.length > 0)
      faults.push(`HEAD ${path}: ${head.status} with ${head.body.length} bytes, expected ${own.status}`)
  }
  const zipped = await ask(port, { path: `/subjects/${SUBJECT}/versions/latest`, headers: { 'accept-encoding': 'gzip' } })
  if (zipped.status !== 200) faults.push(`GET, gzip accepted: ${zipped.status}`)
  return faults
}

const BODY = JSON.stringify({ schema: '"string"' })
const METHODS = ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'MKCOL', 'GETS']
const PATHS = [
  '/subjects/written/versions',
  `/subjects/${SUBJECT}`,
  `/subjects/${SUBJECT}/versions/1`,
  '/config',
  '/mode',
  '/',
  '//subjects/written/versions',
  '/./subjects/written/versions',
  '/schemas/../subjects/written/versions',
  '/schemas/ids/1/../../../subjects/written/versions',
  '/%2e%2e/subjects/written/versions',
  '/subjects%2Fwritten%2Fversions', '/subjects/written/versions?method=GET&_method=GET', '/subjects/written/versions;GET', '/schemas/ids/1'
]
const DISGUISES: ReadonlyArray<Readonly<Record<string, string>>> = [{}, {
  'x-http-method-override': 'GET',
  'x-http-method': 'GET',
  'x-method-override': 'GET',
  'x-original-method': 'GET'
}]

/** Every other method on every path: refused with one of `statuses`, or as bad by nginx itself; nothing reaches the registry. */
async function writingFaults (
  port: number,
  recorder: Recorder,
  statuses: readonly number[],
  more: Readonly<Record<string, string>> = {}
): Promise<string[]> {
  recorder.taken()
  const faults: string[] = []
  const questions: Question[] = METHODS.flatMap(method =>
    PATHS.flatMap(path =>
      DISGUISES.map(headers => ({
        method,
        path,
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json', ...headers, ...more }
      }))
    )
  )
  for (const question of questions) {
    const { status, headers } = await ask(port, { ...question, body: BODY })
    if (![...statuses, 400, ...(question.method === 'TRACE' ? [405] : [])].includes(status)) faults.push(`${titleOf(question)}: ${status}`)
    if (status === 405 && statuses.includes(405) && question.method !== 'TRACE' && headers.allow !== 'GET, HEAD')
      faults.push(`${titleOf(question)}: does not say what is allowed`)
  }
  return [...faults, ...recorder.taken().map(({ method, path }) => `${method} ${path} reached the registry`)]
}

/** GETs in every disguise: the registry gets each as a GET that says nothing but what is asked for. */
async function passedFaults (port: number, recorder: Recorder): Promise<string[]> {
  recorder.taken()
  const headers = {
    'x-http-method-override': 'DELETE',
    'x-http-method': 'DELETE',
    'x-method-override': 'DELETE',
    authorization: 'Bearer mine',
    cookie: 'a=b',
    'x-forwarded-for': '10.0.0.1',
    'x-forwarded-host': 'elsewhere',
    'content-type': 'application/json',
    range: 'bytes=0-1',
    host: 'elsewhere.example.org',
    accept: 'application/json'
  }
  const answered: number[] = []
  for (const path of PATHS)
    answered.push(
      (await ask(port, { path, headers })).status,
      (await ask(port, { path, headers, body: BODY })).status,
      (await ask(port, { method: 'HEAD', path, headers })).status
    )
  const seen = recorder.taken()
  const known = ['host', 'accept', 'connection']
  const faultsOf = ({ method, path, headers, body }: Seen): string[] => [
    ...(method === 'GET' ? [] : [`${method} ${path}`]),
    ...(body === '' ? [] : [`${path}: with a body`]),
    ...Object.keys(headers).filter(name => !known.includes(name)).map(name => `${path}: with the header ${name}`),
    ...(headers.host === `${LOOPBACK}:${recorder.port}` ? [] : [`${path}: to the host ${headers.host}`]),
    ...(headers.accept === 'application/json' ? [] : [`${path}: Accept is ${headers.accept}`])
  ]
  if (seen.length < PATHS.length) return [`only ${seen.length} requests reached the registry; answers: ${answered.join(' ')}`]
  return seen.flatMap(faultsOf)
}

/** A second request in the body or on the same connection, and forms of a request that proxies read in different ways. */
async function hiddenFaults (port: number, recorder: Recorder): Promise<string[]> {
  recorder.taken()
  const write =
    `POST /subjects/written/versions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`
  const hex = write.length.toString(16)
  const last = 'GET /subjects HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  // With the answers that it must get, where there is but one right way to read it.
  const tries: ReadonlyArray<readonly [string, string, (readonly number[])?]> = [
    ['one after the other', `GET /subjects HTTP/1.1\r\nHost: a\r\n\r\n${write}${last}`, [200, 405, 200]],
    ['in the body', `GET /subjects HTTP/1.1\r\nHost: a\r\nContent-Length: ${write.length}\r\n\r\n${write}${last}`, [200, 200]],
    ['in a chunk', `GET /subjects HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${hex}\r\n${write}\r\n0\r\n\r\n${last}`, [200,
      200]],
    ['two lengths',
      `GET /subjects HTTP/1.1\r\nHost: a\r\nContent-Length: ${write.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${write}${last}`],
    ['a chunked body by another name', `GET /subjects HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${write}${last}`],
    ['a line end in the path', `GET /subjects%0d%0aPOST%20/subjects/written/versions HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`],
    ['a whole URL',
      'POST http://127.0.0.1/subjects/written/versions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
    ['CONNECT', 'CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
    ['a small method', 'post /subjects/written/versions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
    ['HTTP/1.0', `POST /subjects/written/versions HTTP/1.0\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`],
    ['HTTP/0.9', 'POST /subjects/written/versions\r\n'],
    ['a space before the method', ' POST /subjects/written/versions HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n']
  ]
  const faults: string[] = []
  for (const [name, text, expected = []] of tries) {
    const statuses = await askRaw(port, text)
    const wrote = recorder.taken().filter(({ method, body }) => method !== 'GET' || body !== '')
    faults.push(...wrote.map(({ method, path }) => `${name}: ${method} ${path} reached the registry`))
    if (expected.length > 0 && !isDeepStrictEqual(statuses, expected))
      faults.push(`${name}: ${statuses.join(' ')}, expected ${expected.join(' ')}`)
  }
  return faults
}

async function throughIngress (port: number, recorder: Recorder, refused: readonly number[]): Promise<string[]> {
  const host = { host: 'alert-schemas-int.lsst.cloud' }
  const faults: string[] = []
  for (const method of ['GET', 'HEAD']) {
    const { status } = await ask(port, { method, path: `/subjects/${SUBJECT}/versions/latest`, headers: host })
    if (status !== 200) faults.push(`${method}: ${status}`)
  }
  faults.push(...await writingFaults(port, recorder, refused, host))
  const other = await ask(port, { path: '/subjects', headers: { host: 'data.example.org' } })
  if (other.status !== 404) faults.push(`another host: ${other.status}, expected 404`)
  return faults
}

/** Runs the script of the chart's test as its Pod does. */
async function helmTest (
  context: Context,
  objects: readonly KubernetesObject[],
  readOnly: number,
  registry: number,
  expected: number
): Promise<void> {
  const { containers: [container] } = pick<KubernetesObject & { spec: PodSpec }>(objects, 'Pod', '-test').spec
  const [program, ...flags] = container?.command ?? []
  const [script = '', ...urls] = container?.args ?? []
  if (program !== 'node' || urls.length !== 3)
    throw new Fault('the test is not started as this check knows it', JSON.stringify({ program, urls }))
  const args = [...flags, script, `http://${LOOPBACK}:${registry}`, `http://${LOOPBACK}:${readOnly}`, urls[2] ?? '']
  const { code, stdout, stderr } = await context.run(process.execPath, args)
  if (code !== expected) throw new Fault(`exit code ${code}, expected ${expected}`, stdout + stderr)
}
