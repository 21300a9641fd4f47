// Measures the API over loopback HTTP: the load generator autocannon fetches the alerts of a file archive in rotation, decompressed or as
// stored gzip. CPU time and memory are those of the serving process. Reference: a bare node:http server that inflates the same files.
import autocannon from 'autocannon'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePorts } from '../src/devstack/index.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../src/stores/index.ts'
import { bench, type Bench } from './harness.ts'
import { alertsOf, inFolder, schemaVersion, startMode } from './support.ts'

const SIZES = { alerts: { full: 20_000, quick: 500 }, objects: { full: 500, quick: 100 } } as const
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

function row (gzip: boolean, start: (root: string) => Promise<Server>) {
  return async ({ sizes, warmUp, measure }: B) => inFolder(async root => {
    const store = await openStore(pathToFileURL(root).href)
    const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
    const version = await schemaVersion()
    const paths: string[] = []
    for (const alert of alertsOf(version, sizes.objects)) {
      const frame = version.schema.encodeFramed(1, alert)
      const id = String(alert['diaSourceId'])
      await archive.putAlert(id, await gzipFrame(frame), checksumsOf(frame))
      paths.push(`/v1/alerts/${id}`)
    }
    const server = await start(root)
    try {
      const load = async (amount: number): Promise<autocannon.Result> => autocannon({
        url: server.url,
        amount,
        connections: 16,
        headers: { 'accept-encoding': gzip ? 'gzip' : 'identity' },
        requests: paths.map(path => ({ path }))
      })
      await warmUp(() => load(Math.min(500, sizes.alerts)))
      return await measure(async () => {
        const { non2xx, errors, throughput, latency, '2xx': alerts } = await load(sizes.alerts)
        if (non2xx > 0 || errors > 0) throw new Error(`${non2xx} error responses, ${errors} failed requests`)
        return { alerts, bytes: throughput.total, extra: { 'ms median': latency.p50, 'ms p99': latency.p99 } }
      }, { pid: server.pid })
    } finally {
      await server.stop()
    }
  })
}

await bench('serve', SIZES, {
  'serve, decompressed': row(false, startServe),
  'serve, stored gzip': row(true, startServe),
  'reference: bare node:http, decompressed': row(false, startBare)
})
