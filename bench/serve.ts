// Measures the API over loopback HTTP: the load generator autocannon fetches the alerts of a file archive in rotation, decompressed or as
// stored gzip. CPU time and memory are those of the serving process. "recent": from the cache. "old": verified before, but read from the
// archive. "first request": each alert is fetched once, so that its gzip has to be verified. "304": each request has the entity tag of the
// alert. In each row, two references get the same requests in turn, and the last column has their CPU-ms per request and the ratios to
// them: a constant buffer on Fastify, and FastAPI on uvicorn, which reads the same files. FastAPI sends no entity tags.
import autocannon from 'autocannon'
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once as emitted } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { freePorts, pythonEnvironment } from '../src/devstack/index.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../src/stores/index.ts'
import { bench, usage, type Bench } from './harness.ts'
import { alertsOf, cacheDir, inFolder, schemaVersion, startMode } from './support.ts'

const SIZES = { alerts: { full: 20_000, quick: 1500 }, objects: { full: 500, quick: 100 }, once: { full: 5000, quick: 400 } } as const
type B = Bench<typeof SIZES>

/** Pinned packages of the FastAPI reference. */
const fastapiRequirements = ['fastapi==0.165.0', 'uvicorn==0.54.0', 'uvloop==0.23.0', 'httptools==0.9.0']
const connections = 16
/** On a busy machine, `serve` would shed requests. */
const longestDelayMs = 60_000

interface Server { readonly pid: number, readonly url: string, stop (): Promise<void> }

async function startServe (root: string, flags: readonly string[]): Promise<Server> {
  const [port = 0] = await freePorts(1)
  const mode = await startMode('serve', '--alert-store', pathToFileURL(root).href, '--listen-port', String(port),
    '--max-event-loop-delay', String(longestDelayMs), ...flags)
  return { pid: mode.pid, url: `http://127.0.0.1:${port}`, stop: mode.stop }
}

function serverOf (child: ChildProcess, port: number): Server {
  return {
    pid: child.pid as number,
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill()
      if (child.exitCode === null && child.signalCode === null) await emitted(child, 'exit')
    }
  }
}

async function startNode (script: string, argument: string): Promise<Server> {
  const [port = 0] = await freePorts(1)
  const child = fork(join(import.meta.dirname, script), [argument, String(port)])
  await emitted(child, 'message')
  return serverOf(child, port)
}

async function startFastapi (root: string): Promise<Server> {
  const python = await pythonEnvironment({ cacheDir, env: process.env, requirements: fastapiRequirements })
  const [port = 0] = await freePorts(1)
  const child = spawn(python, [join(import.meta.dirname, 'fastapi_server.py'), root, String(port)], { stdio: ['ignore', 2, 2] })
  const server = serverOf(child, port)
  while (!await fetch(server.url).then(() => true, () => false)) {
    if (child.exitCode !== null) throw new Error(`fastapi_server.py exited with code ${child.exitCode}`)
    await sleep(50)
  }
  return server
}

interface RowOptions {
  readonly coding: 'gzip' | 'identity'
  /** Flags of `serve`. */
  readonly flags?: readonly string[]
  /** Whether requests have the entity tag of their alert. */
  readonly conditional?: boolean
  /** Whether every alert is requested once. */
  readonly once?: boolean
  readonly start?: (root: string, flags: readonly string[]) => Promise<Server>
}

/** Gets an alert, so that the server verifies it, and returns its entity tag. */
async function tagOf (url: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(url, { headers })
  await response.arrayBuffer()
  return response.headers.get('etag') ?? ''
}

/** Turns in which the servers get the requests, so that all of them see the same state of the machine. */
const turns = 4

function row ({ coding, flags = [], conditional = false, once = false, start = startServe }: RowOptions) {
  return async ({ sizes, warmUp, measure }: B) => inFolder(async root => {
    const store = await openStore(pathToFileURL(root).href)
    const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
    const version = await schemaVersion()
    const paths: string[] = []
    let bodyBytes = 0
    for (const alert of alertsOf(version, once ? sizes.once : sizes.objects)) {
      const frame = version.schema.encodeFramed(1, alert)
      const id = String(alert['diaSourceId'])
      const gz = await gzipFrame(frame)
      await archive.putAlert(id, gz, checksumsOf(frame))
      paths.push(`/v1/alerts/${id}`)
      bodyBytes += coding === 'gzip' ? gz.length : frame.length
    }
    const servers: Server[] = []
    try {
      const ours = await start(root, flags)
      servers.push(ours)
      const constant = await startNode('constant-server.ts', String(Math.round(bodyBytes / paths.length)))
      servers.push(constant)
      const fastapi = conditional ? undefined : await startFastapi(root)
      if (fastapi !== undefined) servers.push(fastapi)

      const accept = { 'accept-encoding': coding }
      const requests: autocannon.Request[] = []
      for (const path of paths) {
        requests.push({ path, headers: conditional ? { ...accept, 'if-none-match': await tagOf(ours.url + path, accept) } : accept })
      }
      const load = async ({ url }: Server, amount: number, from: readonly autocannon.Request[]): Promise<autocannon.Result> => {
        let clients = 0
        const result = await autocannon({
          url,
          amount,
          connections,
          setupClient: client => {
            // Each client repeats requests of its own, because clients would otherwise request the same alert at the same time.
            const own = clients++ % connections
            client.setRequests(from.filter((_, i) => i % connections === own))
          }
        })
        const other = result.requests.total - (conditional ? result['3xx'] : result['2xx'])
        if (other > 0 || result.errors > 0) throw new Error(`${other} other responses, ${result.errors} failed requests`)
        return result
      }

      const warmAlerts = once ? requests.length >> 3 : 0
      const measured = requests.slice(warmAlerts)
      await warmUp(async () => {
        for (const server of servers) await load(server, once ? warmAlerts : 3000, once ? requests.slice(0, warmAlerts) : requests)
      })
      const cpu = new Map(servers.map(server => [server, 0]))
      let [seconds, bytes] = [0, 0]
      const result = await measure(async () => {
        const amount = once ? measured.length : Math.ceil(sizes.alerts / turns)
        for (let turn = 0; turn < (once ? 1 : turns); turn++) {
          for (const server of servers) {
            const before = usage(server.pid).cpuMs
            const began = performance.now()
            const { throughput } = await load(server, amount, measured)
            cpu.set(server, cpu.get(server)! + usage(server.pid).cpuMs - before)
            if (server !== ours) continue
            seconds += (performance.now() - began) / 1000
            bytes += throughput.total
          }
        }
        return { alerts: once ? amount : turns * amount, bytes }
      }, { pid: ours.pid })
      const cpuMs = cpu.get(ours)!
      const extra: Record<string, number> = {}
      for (const [name, server] of [['constant', constant], ['FastAPI', fastapi]] as const) {
        if (server === undefined) continue
        extra[name] = cpu.get(server)! / result.alerts
        extra[`ratio to ${name}`] = cpuMs / cpu.get(server)!
      }
      return { ...result, seconds, cpuMs, extra }
    } finally {
      for (const server of servers) await server.stop()
    }
  })
}

const uncached = ['--cache-mib', '0']

await bench('serve', SIZES, {
  'serve, decompressed, recent': row({ coding: 'identity' }),
  'serve, decompressed, old': row({ coding: 'identity', flags: uncached }),
  'serve, stored gzip, recent': row({ coding: 'gzip' }),
  'serve, stored gzip, old': row({ coding: 'gzip', flags: uncached }),
  'serve, stored gzip, first request': row({ coding: 'gzip', once: true }),
  'serve, 304, recent': row({ coding: 'gzip', conditional: true }),
  'serve, 304, old': row({ coding: 'gzip', conditional: true, flags: uncached }),
  'reference: bare node:http, decompressed': row({ coding: 'identity', start: root => startNode('bare-server.ts', root) })
})
