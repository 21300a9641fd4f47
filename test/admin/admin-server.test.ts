// The admin port's answers, over HTTP, to whoever asks in whatever way.
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
    ask: async (path: string, method = 'GET') => {
      const response = await fetch(url + path, { method })
      return { status: response.status, text: await response.text(), headers: Object.fromEntries(response.headers) }
    }
  }
}

await t.test('/ lists what there is', async t => {
  const { ask } = await admin(t)
  const { status, text } = await ask('/')
  t.equal(status, 200)
  const { service, endpoints } = JSON.parse(text) as { service: string, endpoints: Record<string, string> }
  t.equal(service, 'alert-stream ingest')
  t.strictSame(Object.keys(endpoints), ['/livez', '/readyz', '/metrics', '/status'])
  for (const path of Object.keys(endpoints)) t.equal((await ask(path)).status, 200, path)
})

await t.test('HEAD is answered as GET without a body, what is not there with 404, other methods with 405', async t => {
  const { ask } = await admin(t, { checks: { store: async () => { throw testErrors.TEST_SERVER_DOWN('x') } } })
  t.match(await ask('/livez', 'HEAD'), { status: 200, text: '', headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' } })
  t.match(await ask('/readyz', 'HEAD'), { status: 503, text: '' })
  t.match(await ask('/livez/'), { status: 200 })
  t.match(await ask('/else'), { status: 404, text: '{"detail":"no such resource; / lists what there is"}' })
  t.match(await ask('/metrics', 'POST'), { status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } })
})

await t.test('/readyz: 200 where all is well, 503 with what is not; /livez does not care', async t => {
  let down = false
  let state: RunState = 'running'
  const { ask } = await admin(t, { state: () => state, checks: { broker: async () => {}, store: async () => { if (down) throw testErrors.TEST_SERVER_DOWN('gone', { where: 'x' }) } } })
  t.match(await ask('/readyz'), { status: 200, text: '{"ready":true,"checks":{"run":"ok","broker":"ok","store":"ok"}}' })
  down = true
  t.match(await ask('/readyz'), { status: 503, text: '{"ready":false,"checks":{"run":"ok","broker":"ok","store":"TEST_SERVER_DOWN: gone (x)"}}' })
  down = false
  state = 'draining'
  t.match(await ask('/readyz'), { status: 503, text: '{"ready":false,"checks":{"run":"draining","broker":"ok","store":"ok"}}' })
  t.match(await ask('/livez'), { status: 200, text: 'OK\n' })
})

await t.test('/metrics says what runs, and in which state', async t => {
  const { ask } = await admin(t, { state: () => 'draining' })
  const { text, headers } = await ask('/metrics')
  t.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  const families = parsePrometheus(text)
  t.match(families.get('alert_stream_info')?.samples, [{ labels: { mode: 'ingest', version: /^\d+\.\d+\.\d+/ }, value: 1 }])
  t.strictSame(families.get('alert_stream_state')?.samples.filter(({ value }) => value === 1).map(({ labels }) => labels.state), ['draining'])
})

await t.test('a figure that cannot be had is an error of 500, and in the log', async t => {
  const lines: object[] = []
  const { ask } = await admin(t, { stats: () => { throw new Error('broken') } }, { ...silent, error: (fields, msg) => { lines.push({ ...fields, msg }) } })
  t.match(await ask('/status'), { status: 500, text: '{"detail":"internal error; the log has it"}' })
  t.match(lines, [{ url: '/status', error: /broken/ }])
})

await t.test('closing cuts connections that clients keep open', async t => {
  const { server, url } = await admin(t)
  const asked = request(`${url}/livez`, { agent: false, headers: { connection: 'keep-alive' } })
  asked.end()
  const [answer] = await once(asked, 'response') as [NodeJS.ReadableStream]
  answer.resume()
  await server.close()
  t.ok(await failureOf(fetch(`${url}/livez`)))
})

await t.test('a port that is taken, and an address that is not ours, are errors that say so', async t => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  t.teardown(() => { holder.close() })
  const { port } = holder.address() as AddressInfo
  const status = { checks: {}, description }
  t.match(await failureOf(startAdmin(status, port, '127.0.0.1', silent)), { code: 'ADMIN_PORT_BUSY', where: `127.0.0.1:${port}` })
  t.match(await failureOf(startAdmin(status, 0, '192.0.2.1', silent)), { code: 'ADMIN_LISTEN_FAILED', where: '192.0.2.1:0' })
})
