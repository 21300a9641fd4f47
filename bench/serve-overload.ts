// Measures serve under overload. "Slow readers": 300 clients request an alert of 9 MB and read nothing; the memory is that of the server
// while they wait. "Health": /v1/health is requested one after another while 500 connections request alerts without a pause.
import autocannon from 'autocannon'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { freePorts } from '../src/devstack/index.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../src/stores/index.ts'
import { bench, residentMiB, type Bench } from './harness.ts'
import { framesOf, inFolder, startMode } from './support.ts'

const SIZES = { readers: { full: 300, quick: 100 }, connections: { full: 500, quick: 500 }, probes: { full: 50, quick: 10 } } as const
type B = Bench<typeof SIZES>

/** Serves the frames under the ids 0, 1, ... */
async function served<R> (frames: readonly Buffer[], work: (port: number, pid: number) => Promise<R>): Promise<R> {
  return await inFolder(async root => {
    const store = await openStore(pathToFileURL(root).href)
    const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
    for (const [id, frame] of frames.entries()) await archive.putAlert(String(id), await gzipFrame(frame, 1), checksumsOf(frame))
    const [port = 0] = await freePorts(1)
    const mode = await startMode('serve', '--alert-store', pathToFileURL(root).href, '--listen-port', String(port))
    try {
      return await work(port, mode.pid)
    } finally {
      await mode.stop()
    }
  })
}

const largeFrame = (): Buffer => Buffer.concat([randomBytes(1_000_000), Buffer.alloc(8_000_000, 'pixels')])

function slowReaders (different: boolean) {
  return async ({ sizes, measure }: B) =>
    await served(Array.from({ length: different ? sizes.readers : 1 }, largeFrame), async (port, pid) => await measure(async () => {
      const before = residentMiB(pid)
      const sockets = await Promise.all(Array.from({ length: sizes.readers }, async (_, i): Promise<Socket> => {
        const socket = connect(port, '127.0.0.1')
        socket.write(`GET /v1/alerts/${different ? i : 0} HTTP/1.1\r\nHost: x\r\n\r\n`)
        await once(socket, 'readable')
        return socket
      }))
      const served = sockets.filter(socket => (socket.read(12) as Buffer | null)?.toString() === 'HTTP/1.1 200').length
      await sleep(1000)
      const during = residentMiB(pid)
      for (const socket of sockets) socket.destroy()
      return { alerts: served, bytes: 0, extra: { 'MiB before': before, 'MiB with slow readers': during, '503': sockets.length - served } }
    }, { pid }))
}

function health (large: boolean) {
  return async ({ sizes, measure }: B) => {
    const frames = large ? Array.from({ length: 100 }, largeFrame) : await framesOf(500)
    return await served(frames, async (port, pid) => await measure(async () => {
      const url = `http://127.0.0.1:${port}`
      let connected = 0
      const load = autocannon({
        url,
        duration: 600,
        connections: sizes.connections,
        setupClient: client => {
          const first = connected++
          client.setRequests(frames.map((_, i) => ({ path: `/v1/alerts/${(first + i) % frames.length}` })))
        }
      })
      await sleep(3000)
      const probe = join(import.meta.dirname, 'health-probe.ts')
      const { stdout } = await promisify(execFile)(process.execPath, [probe, url, String(sizes.probes)])
      const times = JSON.parse(stdout) as number[]
      ;(load as unknown as { stop (): void }).stop()
      const { '2xx': alerts, '5xx': shed, throughput, errors } = await load
      const extra = { 'health ms median': times[times.length >> 1]!, 'health ms max': times.at(-1)!, '503': shed, errors }
      return { alerts, bytes: throughput.total, extra }
    }, { pid }))
  }
}

await bench('serve-overload', SIZES, {
  'slow readers of the same 9 MB alert': slowReaders(false),
  'slow readers of different 9 MB alerts': slowReaders(true),
  'health under busy connections, 82 KB alerts': health(false),
  'health under busy connections, 9 MB alerts': health(true)
}, { quick: ['slow readers of the same 9 MB alert', 'health under busy connections, 82 KB alerts'] })
