// The rules of the archive's Ingress: who has the scope reads, nobody else does, and the server is told who it is by Gafaelfawr alone. Held
// against a real NGINX with what ingress-nginx makes of the rendered object, in both its forms, and the program's own server behind it,
// started as its pod is.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { freePorts, LOOPBACK } from '../../../src/devstack/ports.ts'
import { startServer } from '../../../src/devstack/server-process.ts'
import { silent } from '../../../src/pipeline/log.ts'
import { Fault, none, type Check, type Context } from '../check.ts'
import type { KubernetesObject } from '../helm/render.ts'
import { ask, titleOf, type Question } from './ask.ts'
import { ingressOf, SERVER_SNIPPET, startAuthServer, type AuthServer, type GafaelfawrIngress, type Token } from './gafaelfawr.ts'
import { startNginx, type Nginx } from './nginx.ts'
import { startRecorder, type Recorder } from './recorder.ts'
import { argsOf, templated, pick, withFlags } from './rendered.ts'
import { nginxConfig, type Ingress } from './translate.ts'

const CHART = 'alert-database'
const HOST = 'data-int.lsst.cloud'
const ID = '123456789012'
const FRAME = Buffer.from([0, 0, 0, 0, 1, 2, 4, 6])
const TOKENS: Readonly<Record<string, Token>> = {
  'gt-reader': { user: 'reader', scopes: ['read:alertdb', 'read:image'] },
  'gt-other': { user: 'other', scopes: ['read:image', 'exec:admin'] },
  'gt-busy': { user: 'busy', scopes: ['read:alertdb'], busy: true }
}

type Form = 'annotations' | 'GafaelfawrIngress'

interface Setup {
  readonly front: Nginx
  readonly auth: AuthServer
  /** Before the server. */
  readonly recorder: Recorder
  /** The same with browsers sent to the login. */
  readonly browsers: Nginx
}

export function archiveChecks (context: Context): readonly Check[] {
  let server: Promise<number> | undefined
  return (['annotations', 'GafaelfawrIngress'] as const).flatMap(form => {
    let made: Promise<Setup> | undefined
    const with_ = (title: string, run: (setup: Setup) => Promise<readonly string[]>): Check => ({
      title: `archive, ${form}: ${title}`,
      run: async () => { none(await run(await (made ??= setUp(context, form, await (server ??= startArchive(context))))), 'faults') }
    })
    return [
      with_('who has the scope reads, below the path that the server knows', readingFaults),
      with_('nobody else does: 401 without a token, 403 without the scope', refusalFaults),
      with_('Gafaelfawr is asked for the scope, by GET, and told what was asked for', askedFaults),
      with_('nobody writes', writingFaults),
      with_('forged identities are replaced, and credentials are not passed on', identityFaults),
      with_('no path goes round it', pathFaults),
      with_('browsers are sent to the login where that is wanted', loginFaults),
      with_('Gafaelfawr\'s other errors come through', busyFaults),
      {
        title: `archive, ${form}: the questions find it open where the Ingress lacks an annotation`,
        run: async () => {
          const port = await (server ??= startArchive(context))
          for (
            const [annotation, faultsOf, about] of [['auth-url', refusalFaults, 'reached the server'], ['auth-response-headers',
              identityFaults, 'passed on']] as const
          ) {
            const found = await faultsOf(await setUp(context, form, port, annotation))
            if (!found.some(line => line.includes(about)))
              throw new Fault(`it is not noticed that ${annotation} is missing`, found.join('\n'))
          }
        }
      },
      with_('it is closed while Gafaelfawr is away', closedFaults)
    ]
  })
}

// The rules are those of idfint; buckets become a folder, as there is no cloud here.
async function chartObjects (context: Context, form: Form, ...more: readonly string[]): Promise<readonly KubernetesObject[]> {
  const cloud = ['storage.gcp.alertBucket', 'storage.gcp.schemaBucket', 'storage.gcp.project',
    ...['ingester', 'server'].flatMap(part => [`${part}.gcp.serviceAccountName`, `${part}.gcp.projectID`])]
  const sets = [...cloud.map(value => `${value}=`), `ingress.gafaelfawr.kind=${form}`,
    `ingress.gafaelfawr.errorSnippet=${form === 'annotations'}`, ...more]
  return await templated(context, CHART, {
    files: [join(context.root, 'deploy/environments/idfint', `${CHART}.yaml`)],
    args: sets.flatMap(each => ['--set', each])
  })
}

/** The program, as the pod starts it, with one alert; gives its port. */
async function startArchive (context: Context): Promise<number> {
  const dataDir = join(context.scratch, 'archive')
  const object = join(dataDir, `store/v2/alerts/${ID.slice(0, 6)}/${ID}.avro.gz`)
  await mkdir(dirname(object), { recursive: true })
  await writeFile(object, gzipSync(FRAME))
  const objects = await chartObjects(context, 'annotations')
  const [port = 0, adminPort = 0] = await freePorts(2)
  const args = withFlags(argsOf(pick(objects, 'Deployment', 'server').spec), {
    'listen-host': LOOPBACK,
    'listen-port': String(port),
    'alert-store': `file://${join(dataDir, 'store')}`,
    'admin-host': LOOPBACK,
    'admin-port': String(adminPort)
  })
  const server = await startServer({
    name: 'the archive\'s server',
    program: process.execPath,
    args: [join(context.root, 'bin/alert-stream.js'), ...args],
    env: context.env,
    dataDir,
    logFile: join(dataDir, 'serve.log'),
    ready: async signal => (await fetch(`http://${LOOPBACK}:${adminPort}/readyz`, { signal })).ok,
    readyMs: 60_000,
    log: silent
  })
  context.defer(async () => { await server.stop(10_000) })
  return port
}

/** `without` is an annotation that is taken off. */
async function setUp (context: Context, form: Form, port: number, without?: string): Promise<Setup> {
  const auth = await startAuthServer(context, TOKENS)
  const recorder = await startRecorder(context, `http://${LOOPBACK}:${port}`)
  const front = async (name: string, ...more: readonly string[]): Promise<Nginx> => {
    const whole = asIngress(await chartObjects(context, form, ...more), form)
    const ingress = without === undefined ? whole : lacking(whole, without)
    const upstream = (service: string, to: string | number): string => {
      if (service !== 'alert-database' || to !== 'http') throw new Fault(`the Ingress leads to ${service}:${to}`)
      return `${LOOPBACK}:${recorder.port}`
    }
    return await startNginx(
      context,
      name,
      at => nginxConfig(ingress, at, { upstream, auth: `${LOOPBACK}:${auth.port}`, serverSnippet: SERVER_SNIPPET })
    )
  }
  return {
    auth,
    recorder,
    front: await front(`archive-${form}-${without ?? 'whole'}`),
    browsers: await front(`archive-${form}-${without ?? 'whole'}-login`, 'ingress.gafaelfawr.loginRedirect=true')
  }
}

function asIngress (objects: readonly KubernetesObject[], form: Form): Ingress {
  return form === 'annotations' ?
    pick<Ingress & KubernetesObject>(objects, 'Ingress') :
    ingressOf(pick<GafaelfawrIngress & KubernetesObject>(objects, 'GafaelfawrIngress'), HOST)
}

function lacking (ingress: Ingress, annotation: string): Ingress {
  const annotations = Object.fromEntries(
    Object.entries(ingress.metadata.annotations ?? {}).filter(([name]) => !name.endsWith(`/${annotation}`))
  )
  return { ...ingress, metadata: { ...ingress.metadata, annotations } }
}

const bearer = (token: string): Readonly<Record<string, string>> => ({ host: HOST, authorization: `Bearer ${token}` })

async function expect (front: Nginx, question: Question, status: number): Promise<string[]> {
  const answer = await ask(front.port, question)
  return answer.status === status ? [] : [`${titleOf(question)}: ${answer.status}, expected ${status}`]
}

async function readingFaults ({ front }: Setup): Promise<string[]> {
  const faults: string[] = []
  for (const headers of [bearer('gt-reader'), { host: HOST, cookie: 'other=1; gafaelfawr=gt-reader' }]) {
    const alert = await ask(front.port, { path: `/alertdb/v1/alerts/${ID}`, headers })
    if (alert.status !== 200 || !alert.body.equals(FRAME))
      faults.push(`the alert: ${alert.status} ${alert.body.toString('hex')}, expected 200 ${FRAME.toString('hex')}`)
    const health = await ask(front.port, { path: '/alertdb/v1/health', headers })
    if (health.status !== 200 || health.body.toString() !== 'OK') faults.push(`health: ${health.status} ${health.body.toString()}`)
    faults.push(
      ...await expect(front, { method: 'HEAD', path: `/alertdb/v1/alerts/${ID}`, headers }, 200),
      ...await expect(front, { path: '/alertdb/v1/alerts/1', headers }, 404)
    )
  }
  return faults
}

async function refusalFaults ({ front, recorder }: Setup): Promise<string[]> {
  recorder.taken()
  const faults: string[] = []
  for (const path of [`/alertdb/v1/alerts/${ID}`, '/alertdb/v1/health', '/alertdb/', '/alertdb']) {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
      faults.push(
        ...await expect(front, { method, path, headers: { host: HOST } }, 401),
        ...await expect(front, { method, path, headers: bearer('gt-nobody') }, 401),
        ...await expect(front, { method, path, headers: { host: HOST, cookie: 'gafaelfawr=gt-nobody' } }, 401),
        ...await expect(front, { method, path, headers: bearer('gt-other') }, 403)
      )
    }
  }
  const without = await ask(front.port, { path: '/alertdb/v1/health', headers: { host: HOST } })
  if (!/^Bearer realm=/.test(without.headers['www-authenticate'] ?? ''))
    faults.push(`401 with the challenge ${without.headers['www-authenticate'] ?? '(none)'}`)
  return [...faults, ...recorder.taken().map(({ method, path }) => `${method} ${path} reached the server`)]
}

async function askedFaults ({ front, auth }: Setup): Promise<string[]> {
  const before = auth.asked.length
  await ask(front.port, { method: 'HEAD', path: '/alertdb/v1/health?a=b', headers: bearer('gt-reader') })
  const [asked, ...more] = auth.asked.slice(before)
  const expected = { method: 'GET', scopes: ['read:alertdb'], originalMethod: 'HEAD', originalUri: '/alertdb/v1/health?a=b' }
  return JSON.stringify(asked) === JSON.stringify(expected) && more.length === 0 ?
    [] :
    [`asked ${JSON.stringify([asked, ...more])}, expected once ${JSON.stringify(expected)}`]
}

async function writingFaults ({ front }: Setup): Promise<string[]> {
  const faults: string[] = []
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
    for (const path of [`/alertdb/v1/alerts/${ID}`, '/alertdb/v1/schemas/1', '/alertdb/v1/health']) {
      const { status } = await ask(front.port, {
        method,
        path,
        headers: { ...bearer('gt-reader'), 'content-type': 'application/json' },
        body: '{}'
      })
      if (![400, 404, 405].includes(status)) faults.push(`${method} ${path}: ${status}`)
    }
  }
  // Only says what there is to be asked.
  const options = await ask(front.port, { method: 'OPTIONS', path: `/alertdb/v1/alerts/${ID}`, headers: bearer('gt-reader') })
  if (options.status !== 204 || options.body.length > 0) faults.push(`OPTIONS: ${options.status}`)
  const { body } = await ask(front.port, { path: `/alertdb/v1/alerts/${ID}`, headers: bearer('gt-reader') })
  return body.equals(FRAME) ? faults : [...faults, 'the alert has changed']
}

async function identityFaults ({ front, recorder }: Setup): Promise<string[]> {
  recorder.taken()
  const forged = {
    'x-auth-request-user': 'admin',
    'x-auth-request-email': 'admin@example.org',
    'x-auth-request-token': 'gt-forged',
    'x-auth-request-service': 'forged',
    'X-AUTH-REQUEST-USER ': ''
  }
  const headers = Object.fromEntries(Object.entries(forged).filter(([name]) => name === name.trim()))
  await ask(front.port, { path: '/alertdb/v1/health', headers: { ...headers, ...bearer('gt-reader') } })
  await ask(front.port, { path: '/alertdb/v1/health', headers: { ...headers, host: HOST, cookie: 'other=1; gafaelfawr=gt-reader' } })
  const seen = recorder.taken()
  const faults = seen.length === 2 ? [] : [`${seen.length} requests reached the server, expected 2`]
  for (const { headers } of seen) {
    if (headers['x-auth-request-user'] !== 'reader') faults.push(`the user is ${String(headers['x-auth-request-user'])}`)
    if (headers['x-auth-request-email'] !== 'reader@example.org') faults.push(`the address is ${String(headers['x-auth-request-email'])}`)
    const text = JSON.stringify(headers)
    for (const secret of ['admin', 'forged', 'gt-reader']) if (text.includes(secret)) faults.push(`${secret} is passed on: ${text}`)
  }
  if (seen[1]?.headers.cookie !== 'other=1') faults.push(`the other cookie is ${String(seen[1]?.headers.cookie)}`)
  return faults
}

/** However the path is written, without a token nothing comes from the server, and what is not below the prefix is not there. */
async function pathFaults ({ front, recorder }: Setup): Promise<string[]> {
  recorder.taken()
  const faults: string[] = []
  const below = [
    '//alertdb/v1/health',
    '/alertdb//v1/health',
    '/./alertdb/v1/health',
    '/x/../alertdb/v1/health',
    '/alertdb/../alertdb/v1/health',
    '/%61lertdb/v1/health',
    '/alertdb%2fv1%2fhealth',
    '/alertdb/%2e%2e/v1/health',
    '/ALERTDB/v1/health',
    '/alertdb;/v1/health',
    '/alertdb/v1/health?/login',
    '/alertdb/v1/health%00'
  ]
  for (const path of below) {
    const { status } = await ask(front.port, { path, headers: { host: HOST } })
    if (![400, 401, 404].includes(status)) faults.push(`GET ${path} without a token: ${status}`)
  }
  faults.push(...recorder.taken().map(({ method, path }) => `${method} ${path} reached the server without a token`))
  for (const path of ['/', '/alertdbx', '/alertdb2/v1/health', '/v1/health', '/metrics', '/livez', '/other']) {
    faults.push(...await expect(front, { path, headers: bearer('gt-reader') }, 404))
  }
  faults.push(
    ...await expect(front, { path: '/alertdb/v1/health', headers: { ...bearer('gt-reader'), host: 'elsewhere.example.org' } }, 404)
  )
  faults.push(...recorder.taken().map(({ method, path }) => `${method} ${path} reached the server from outside its path`))
  // The program's other port is not behind the path.
  for (const path of ['/alertdb/metrics', '/alertdb/livez', '/alertdb/status'])
    faults.push(...await expect(front, { path, headers: bearer('gt-reader') }, 404))
  return faults
}

async function loginFaults ({ browsers }: Setup): Promise<string[]> {
  const { status, headers } = await ask(browsers.port, { path: '/alertdb/v1/health', headers: { host: HOST } })
  const faults = status === 302 && headers.location?.startsWith(`https://${HOST}/login?rd=`) === true ?
    [] :
    [`without a token: ${status} ${headers.location ?? ''}`]
  return [...faults, ...await expect(browsers, { path: '/alertdb/v1/health', headers: bearer('gt-other') }, 403),
    ...await expect(browsers, { path: '/alertdb/v1/health', headers: bearer('gt-reader') }, 200)]
}

async function busyFaults ({ front }: Setup): Promise<string[]> {
  const { status, headers, body } = await ask(front.port, { path: '/alertdb/v1/health', headers: bearer('gt-busy') })
  return status === 429 && headers['retry-after'] === '60' && body.toString().includes('rate_limited') ?
    [] :
    [`${status}, Retry-After ${headers['retry-after'] ?? '(none)'}: ${body.toString()}`]
}

async function closedFaults ({ front, auth, recorder }: Setup): Promise<string[]> {
  await auth.stop()
  recorder.taken()
  const faults = await expect(front, { path: '/alertdb/v1/health', headers: bearer('gt-reader') }, 500)
  return [...faults, ...recorder.taken().map(({ path }) => `${path} reached the server`)]
}
