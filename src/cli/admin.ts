// The admin port of a long-running mode: /livez, /readyz, /metrics (Prometheus text format) and /status (JSON: state, graph, every node's
// counts, the mode's own figures). Only shown where a port is asked for.
import Fastify from 'fastify'
import type { AdminServer, Status } from '../modes/mode.ts'
import { defineErrors, type Logger, type MeterReading } from '../pipeline/index.ts'

const adminErrors = defineErrors({
  ADMIN_PORT_BUSY: { hint: 'Choose another --admin-port, or 0 for a free one.' }
})

export async function startAdmin (status: Status, port: number, host: string, log: Logger): Promise<AdminServer> {
  const app = Fastify({ logger: false, forceCloseConnections: true })
  app.get('/livez', async (_request, reply) => reply.type('text/plain').send('OK\n'))
  app.get('/readyz', async (_request, reply) => {
    const reason = status.run !== undefined && status.run.state !== 'running' ? `the graph is ${status.run.state}` : await status.ready()
    return reason === undefined ? reply.type('text/plain').send('OK\n') : reply.code(503).send({ detail: reason })
  })
  app.get('/metrics', async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(metrics(status.run?.meters() ?? [], await status.facts?.() ?? {})))
  app.get('/status', async () => ({ state: status.run?.state, graph: status.description, nodes: status.run?.meters() ?? [], facts: await status.facts?.() ?? {} }))
  try {
    await app.listen({ port, host })
  } catch (error) {
    throw adminErrors.ADMIN_PORT_BUSY('the admin port cannot be opened', { where: `${host}:${port}`, cause: error })
  }
  const address = app.server.address()
  const open = typeof address === 'object' && address !== null ? address.port : port
  log.info({ port: open }, 'admin port is open')
  return { port: open, close: async () => { await app.close() } }
}

/** Prometheus text: one family per count, labelled by node; numeric facts of the mode as gauges. */
export function metrics (readings: readonly MeterReading[], facts: object): string {
  const out: string[] = []
  const family = (name: string, type: 'counter' | 'gauge', help: string, value: (reading: MeterReading) => number): void => {
    if (readings.length === 0) return
    out.push(`# HELP alert_stream_${name} ${help}`, `# TYPE alert_stream_${name} ${type}`)
    for (const reading of readings) out.push(`alert_stream_${name}{node="${reading.node}"} ${value(reading)}`)
  }
  family('records_in_total', 'counter', 'Records that entered the node.', reading => reading.in)
  family('records_out_total', 'counter', 'Records that left the node; a sink: durable.', reading => reading.out)
  family('records_dropped_total', 'counter', 'Records that a filter let go.', reading => reading.dropped)
  family('tries_failed_total', 'counter', 'Tries that failed, retried ones included.', reading => reading.failed)
  family('tries_repeated_total', 'counter', 'Tries that were repeated.', reading => reading.retried)
  family('dead_letters_total', 'counter', 'Records that the node gave up on.', reading => reading.deadLettered)
  family('records_in_flight', 'gauge', 'Records that entered and have not left; a source: unsettled.', reading => reading.inFlight)
  family('source_bytes_total', 'counter', 'Bytes that sources handed over.', reading => reading.bytes)
  family('source_starved_seconds_total', 'counter', 'Time that sources waited for credit.', reading => reading.starvedMs / 1000)
  family('latency_p99_seconds', 'gauge', 'Time from entering to leaving, 99th percentile since the start (upper bound).', reading => reading.latency.p99 / 1000)
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value !== 'number') continue
    const metric = `alert_stream_${name.replace(/([A-Z])/g, '_$1').toLowerCase()}`
    out.push(`# TYPE ${metric} gauge`, `${metric} ${value}`)
  }
  return out.join('\n') + '\n'
}
