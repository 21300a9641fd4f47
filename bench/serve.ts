// Measures the API over loopback HTTP: the load generator autocannon fetches the alerts of a file archive in rotation, decompressed or as
// stored gzip. CPU time and memory are those of the serving process. "First request": each alert is fetched once, so that its gzip has to
// be verified. "304": each request has the entity tag of the alert. Reference: a bare node:http server that inflates the same files.
import autocannon from 'autocannon'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePorts } from '../src/devstack/index.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../src/stores/index.ts'
import { bench, type Bench } from './harness.ts'
import { alertsOf, inFolder, schemaVersion, startMode } from './support.ts'

const SIZES = { alerts: { full: 20_000, quick: 500 }, objects: { full: 500, quick: 100 }, once: { full: 5000, quick: 400 } } as const
type B = Bench<typeof SIZES>

interface Server { readonly pid: number, readonly url: string, stop (): Promise<void> }

async function startServe (root: string): Promise<Server> {
  const [port = 0] = await freePorts(1)
  const mode = await startMode('serve', '--alert-store', pathToFileURL(root).href, '--listen-port', String(port))
  return { pid: mode.pid, url: `http://127.0.0.1:${port}`, stop: mode.stop }
}

async function startBare (root: string): Promise<Server> {
  const [port = 0] = await freePorts(1)
  const child = fork(join(import.meta.dirname, 'bare-server.ts'), [root, String(port)])
  await once(child, 'message')
  return {
    pid: child.pid as number,
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill()
      await once(child, 'exit')
    }
  }
}

interface RowOptions {
  readonly coding: 'gzip' | 'identity'
  readonly start?: (root: string) => Promise<Server>
  /** Whether requests have the entity tag of their alert. */
  readonly conditional?: boolean
  /** Whether every alert is requested once. */
  readonly once?: boolean
}

const connections = 16

function row ({ coding, start = startServe, conditional = false, once = false }: RowOptions) {
  return async ({ sizes, warmUp, measure }: B) => inFolder(async root => {
    const store = await openStore(pathToFileURL(root).href)
    const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
    const version = await schemaVersion()
    const paths: string[] = []
    for (const alert of alertsOf(version, once ? sizes.once : sizes.objects)) {
      const frame = version.schema.encodeFramed(1, alert)
      const id = String(alert['diaSourceId'])
      await archive.putAlert(id, await gzipFrame(frame), checksumsOf(frame))
      paths.push(`/v1/alerts/${id}`)
    }
    const server = await start(root)
    try {
      const accept = { 'accept-encoding': coding }
      const requests: autocannon.Request[] = []
      for (const path of paths) {
        const tag = conditional ? (await fetch(server.url + path, { method: 'HEAD', headers: accept })).headers.get('etag') : null
        requests.push({ path, headers: { ...accept, ...tag === null ? {} : { 'if-none-match': tag } } })
      }
      let clients = 0
      const load = async (amount: number, from: readonly autocannon.Request[]): Promise<autocannon.Result> => await autocannon({
        url: server.url,
        amount,
        connections,
        setupClient: client => {
          // Each client repeats requests of its own, because clients would otherwise request the same alert at the same time.
          const own = clients++ % connections
          client.setRequests(from.filter((_, i) => i % connections === own))
        }
      })
      const [warm, measured] = once ? [requests.slice(0, requests.length >> 3), requests.slice(requests.length >> 3)] : [requests, requests]
      await warmUp(() => load(once ? warm.length : Math.min(500, sizes.alerts), warm))
      return await measure(async () => {
        const result = await load(once ? measured.length : sizes.alerts, measured)
        const { errors, throughput, latency } = result
        const alerts = conditional ? result['3xx'] : result['2xx']
        const other = result.requests.total - alerts
        if (other > 0 || errors > 0) throw new Error(`${other} other responses, ${errors} failed requests`)
        return { alerts, bytes: throughput.total, extra: { 'ms median': latency.p50, 'ms p99': latency.p99 } }
      }, { pid: server.pid })
    } finally {
      await server.stop()
    }
  })
}

await bench('serve', SIZES, {
  'serve, decompressed': row({ coding: 'identity' }),
  'serve, stored gzip': row({ coding: 'gzip' }),
  'serve, stored gzip, first request': row({ coding: 'gzip', once: true }),
  'serve, 304 for decompressed': row({ coding: 'identity', conditional: true }),
  'serve, 304 for stored gzip': row({ coding: 'gzip', conditional: true }),
  'reference: bare node:http, decompressed': row({ coding: 'identity', start: startBare })
})
