// Loads the API and its references over loopback HTTP in turn: the load generator autocannon fetches the alerts of a file archive in
// rotation. The references are a constant buffer on Fastify, and FastAPI on uvicorn, which reads the same files and sends no entity tags.
import autocannon from 'autocannon'
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once as emitted } from 'node:events'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { freePorts, pythonEnvironment } from '../src/devstack/index.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../src/stores/index.ts'
import { usage, type Result } from './harness.ts'
import { alertsOf, cacheDir, inFolder, schemaVersion, startMode } from './support.ts'

/** Pinned packages of the FastAPI reference. */
export const fastapiRequirements = ['fastapi==0.165.0', 'uvicorn==0.54.0', 'uvloop==0.23.0', 'httptools==0.9.0']
const connections = 16
/** On a busy machine, `serve` would shed requests. */
const longestDelayMs = 60_000

export interface Server { readonly pid: number, readonly url: string, stop (): Promise<void> }

export async function startServe (root: string, flags: readonly string[]): Promise<Server> {
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

export async function startNode (script: string, argument: string): Promise<Server> {
  const [port = 0] = await freePorts(1)
  const child = fork(join(import.meta.dirname, script), [argument, String(port)])
  await emitted(child, 'message')
  return serverOf(child, port)
}

/** Starts a server in Python with the arguments `root` and a port. */
export async function startPython (script: string, root: string, requirements: readonly string[]): Promise<Server> {
  const python = await pythonEnvironment({ cacheDir, env: process.env, requirements })
  const [port = 0] = await freePorts(1)
  const child = spawn(python, [join(import.meta.dirname, script), root, String(port)], { stdio: ['ignore', 2, 2] })
  const server = serverOf(child, port)
  while (!await fetch(server.url).then(() => true, () => false)) {
    if (child.exitCode !== null) throw new Error(`${script} exited with code ${child.exitCode}`)
    await sleep(50)
  }
  return server
}

export interface ServeOptions {
  readonly coding: 'gzip' | 'identity'
  /** Flags of `serve`. */
  readonly flags?: readonly string[]
  /** Whether requests have the entity tag of their alert. */
  readonly conditional?: boolean
  /** Whether every alert is requested once. */
  readonly once?: boolean
  readonly start?: (root: string, flags: readonly string[]) => Promise<Server>
}

interface ServeSizes {
  /** Number of different alerts. */
  readonly objects: number
  /** Number of requests to each server in one turn. If every alert is requested once, all of them are. */
  readonly requests: number
  /** Turns in which the servers get the requests, so that all of them see the same states of the machine. */
  readonly turns: number
}

interface Turns {
  /** Result of each turn, by server: `serve`, `constant` and, if the requests are not conditional, `FastAPI`. */
  readonly results: Readonly<Record<string, Result[]>>
  /** 1-minute load average before each turn. */
  readonly loads: readonly number[]
}

/** Gets an alert, so that the server verifies it, and returns its entity tag. */
async function tagOf (url: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(url, { headers })
  await response.arrayBuffer()
  return response.headers.get('etag') ?? ''
}

export async function serveTurns (options: ServeOptions, { objects, requests: amount, turns }: ServeSizes): Promise<Turns> {
  const { coding, flags = [], conditional = false, once = false, start = startServe } = options
  return await inFolder(async root => {
    const store = await openStore(pathToFileURL(root).href)
    const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
    const version = await schemaVersion()
    const paths: string[] = []
    let bodyBytes = 0
    for (const alert of alertsOf(version, objects)) {
      const frame = version.schema.encodeFramed(1, alert)
      const id = String(alert['diaSourceId'])
      const gz = await gzipFrame(frame)
      await archive.putAlert(id, gz, checksumsOf(frame))
      paths.push(`/v1/alerts/${id}`)
      bodyBytes += coding === 'gzip' ? gz.length : frame.length
    }
    const servers = new Map<string, Server>()
    try {
      const ours = await start(root, flags)
      servers.set('serve', ours)
      servers.set('constant', await startNode('constant-server.ts', String(Math.round(bodyBytes / paths.length))))
      if (!conditional) servers.set('FastAPI', await startPython('fastapi_server.py', root, fastapiRequirements))

      const accept = { 'accept-encoding': coding }
      const requests: autocannon.Request[] = []
      for (const path of paths) {
        requests.push({ path, headers: conditional ? { ...accept, 'if-none-match': await tagOf(ours.url + path, accept) } : accept })
      }
      const load = (server: Server, count: number, from: readonly autocannon.Request[]): Promise<Result> =>
        loadServer(server, count, from, conditional)

      const warm = once ? requests.slice(0, requests.length >> 3) : requests
      const measured = once ? requests.slice(warm.length) : requests
      for (const server of servers.values()) await load(server, once ? warm.length : 3000, warm)
      const results = Object.fromEntries([...servers.keys()].map(name => [name, [] as Result[]]))
      const loads: number[] = []
      for (let turn = 0; turn < (once ? 1 : turns); turn++) {
        loads.push(loadavg()[0]!)
        for (const [name, server] of servers) results[name]!.push(await load(server, once ? measured.length : amount, measured))
      }
      return { results, loads }
    } finally {
      for (const server of servers.values()) await server.stop()
    }
  })
}

export async function loadServer (
  { url, pid }: Server, amount: number, from: readonly autocannon.Request[], conditional: boolean
): Promise<Result> {
  let clients = 0
  const [before, began] = [usage(pid).cpuMs, performance.now()]
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
  const seconds = (performance.now() - began) / 1000
  const { cpuMs, peakBytes } = usage(pid)
  const other = result.requests.total - (conditional ? result['3xx'] : result['2xx'])
  if (other > 0 || result.errors > 0) throw new Error(`${other} other responses, ${result.errors} failed requests`)
  const extra = { 'p50 ms': result.latency.p50, 'p99 ms': result.latency.p99 }
  return { alerts: amount, bytes: result.throughput.total, seconds, cpuMs: cpuMs - before, peakBytes, extra }
}
