// Tests the admin port over HTTP.
import { createServer, request } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { startAdmin } from '../../src/admin/admin-server.ts'
import type { Status } from '../../src/admin/status.ts'
import { silent, type Logger, type RunState } from '../../src/pipeline/index.ts'
import { parsePrometheus } from '../support/prometheus.ts'
import { failureOf, testErrors } from '../support/pipeline.ts'

const description = { graph: 'ingest', nodes: [], edges: [] }

async function admin (t: Test, status: Partial<Status> = {}, log: Logger = silent) {
  const server = await startAdmin({ checks: {}, description, ...status }, 0, '127.0.0.1', log)
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${server.port}`
  return {
    server,
    url,
    send: async (path: string, method = 'GET') => {
      const response = await fetch(url + path, { method })
      return { status: response.status, text: await response.text(), headers: Object.fromEntries(response.headers) }
    }
  }
}

await t.test('/ lists all endpoints', async t => {
  const { send } = await admin(t)
  const { status, text } = await send('/')
  t.equal(status, 200)
  const { service, endpoints } = JSON.parse(text) as { service: string, endpoints: Record<string, string> }
  t.equal(service, 'alert-stream ingest')
  t.strictSame(Object.keys(endpoints), ['/livez', '/readyz', '/metrics', '/status'])
  for (const path of Object.keys(endpoints)) t.equal((await send(path)).status, 200, path)
})

await t.test('HEAD responds like GET without a body, unknown paths give 404, and other methods give 405', async t => {
  const { send } = await admin(t, { checks: { store: async () => { throw testErrors.TEST_SERVER_DOWN('x') } } })
  t.match(await send('/livez', 'HEAD'), {
    status: 200, text: '', headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
  })
  t.match(await send('/readyz', 'HEAD'), { status: 503, text: '' })
  t.match(await send('/livez/'), { status: 200 })
  t.match(await send('/else'), { status: 404, text: '{"detail":"resource not found; / lists all endpoints"}' })
  t.match(await send('/metrics', 'POST'), { status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } })
})

await t.test('/readyz responds 200 if all checks pass, else 503 with the failed checks; /livez is independent of the checks', async t => {
  let down = false
  let state: RunState = 'running'
  const store = async (): Promise<void> => { if (down) throw testErrors.TEST_SERVER_DOWN('gone', { where: 'x' }) }
  const { send } = await admin(t, { state: () => state, checks: { broker: async () => {}, store } })
  t.match(await send('/readyz'), { status: 200, text: '{"ready":true,"checks":{"run":"ok","broker":"ok","store":"ok"}}' })
  down = true
  t.match(await send('/readyz'), {
    status: 503, text: '{"ready":false,"checks":{"run":"ok","broker":"ok","store":"TEST_SERVER_DOWN: gone (x)"}}'
  })
  down = false
  state = 'draining'
  t.match(await send('/readyz'), { status: 503, text: '{"ready":false,"checks":{"run":"draining","broker":"ok","store":"ok"}}' })
  t.match(await send('/livez'), { status: 200, text: 'OK\n' })
})

await t.test('/metrics exports mode, version and state', async t => {
  const { send } = await admin(t, { state: () => 'draining' })
  const { text, headers } = await send('/metrics')
  t.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  const families = parsePrometheus(text)
  t.match(families.get('alert_stream_info')?.samples, [{ labels: { mode: 'ingest', version: /^\d+\.\d+\.\d+/ }, value: 1 }])
  const states = families.get('alert_stream_state')?.samples.filter(({ value }) => value === 1)
  t.strictSame(states?.map(({ labels }) => labels.state), ['draining'])
})

await t.test('if collecting stats fails, /status responds 500 and the error is logged', async t => {
  const lines: object[] = []
  const log: Logger = { ...silent, error: (fields, msg) => { lines.push({ ...fields, msg }) } }
  const { send } = await admin(t, { stats: () => { throw new Error('broken') } }, log)
  t.match(await send('/status'), { status: 500, text: '{"detail":"internal error; see the log"}' })
  t.match(lines, [{ url: '/status', error: /broken/ }])
})

await t.test('close() ends keep-alive connections', async t => {
  const { server, url } = await admin(t)
  const livez = request(`${url}/livez`, { agent: false, headers: { connection: 'keep-alive' } })
  livez.end()
  const [response] = await once(livez, 'response') as [NodeJS.ReadableStream]
  response.resume()
  await server.close()
  t.ok(await failureOf(fetch(`${url}/livez`)))
})

await t.test('startAdmin rejects if the port is in use or the address belongs to another host', async t => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  t.teardown(() => { holder.close() })
  const { port } = holder.address() as AddressInfo
  const status = { checks: {}, description }
  t.match(await failureOf(startAdmin(status, port, '127.0.0.1', silent)), { code: 'ADMIN_PORT_BUSY', where: `127.0.0.1:${port}` })
  t.match(await failureOf(startAdmin(status, 0, '192.0.2.1', silent)), { code: 'ADMIN_LISTEN_FAILED', where: '192.0.2.1:0' })
})
