// The archive's server as its users run it, over real HTTP.
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { createArchive, crc32c, gzipFrame, openStore } from '../../src/stores/index.ts'
import type { Layout } from '../../src/stores/layouts.ts'
import { runCli, startCli, tempDir, type RunningCli } from '../support/stack.ts'

const id = '281334371292545025'
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 0xd2]), Buffer.alloc(90_000, 'alert ')])
const schema = '{"type":"record","name":"alert","doc":"kept","fields":[{"name":"diaSourceId","type":"long","default":0}]}'

async function archiveIn (root: string, layout: Layout): Promise<void> {
  const store = await openStore(pathToFileURL(root).href)
  const archive = createArchive({ alerts: store, schemas: store, layout })
  await archive.putAlert(id, await gzipFrame(frame), crc32c(frame))
  await archive.putSchema(1234, schema)
  await archive.close()
}

async function serve (t: Test, ...args: string[]): Promise<RunningCli & { readonly url: string }> {
  const running = startCli(t, ['serve', '--listen-port', '0', ...args])
  const [, url] = await running.waitFor(/^serving (http:\S+)\n/m)
  return Object.assign(running, { url: url! })
}

/** What is on the wire: fetch would inflate it. */
async function raw (url: string, headers: Record<string, string>): Promise<{ readonly encoding: string | undefined, readonly body: Buffer }> {
  const asked = request(url, { headers })
  asked.end()
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  const body = Buffer.concat(await answer.toArray() as Buffer[])
  return { encoding: answer.headers['content-encoding'], body }
}

for (const layout of ['v1', 'v2'] as const) {
  await t.test(`an archive of layout ${layout} is served: alerts as they were in Kafka, or as the stored gzip; schemas as JSON`, async t => {
    const root = await tempDir(t)
    await archiveIn(root, layout)
    const { url } = await serve(t, '--alert-store', pathToFileURL(root).href, '--layout', 'v2')
    t.match(url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/)
    t.strictSame(await raw(`${url}/alerts/${id}`, {}), { encoding: undefined, body: frame })
    t.strictSame(await raw(`${url}/alerts/${id}`, { 'accept-encoding': 'gzip' }), { encoding: 'gzip', body: await gzipFrame(frame) })
    const answer = await fetch(`${url}/schemas/1234`)
    t.match([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')], [200, /json/, /immutable/])
    t.equal(await answer.text(), schema)
    t.equal(await (await fetch(`${url}/health`)).text(), 'OK')
  })
}

await t.test('what is not there is 404, what cannot be an id is 400, each with a detail', async t => {
  const root = await tempDir(t)
  await archiveIn(root, 'v2')
  const { url } = await serve(t, '--alert-store', pathToFileURL(root).href)
  for (const [path, status] of [
    ['alerts/1', 404], ['alerts/9223372036854775807', 404], ['schemas/5', 404], ['nothing', 404],
    ['alerts/9223372036854775808', 400], ['alerts/-1', 400], ['alerts/abc', 400], ['alerts/1.5', 400], ['schemas/x', 400], ['alerts/..%2f..%2fetc', 400]
  ] as const) {
    const answer = await fetch(`${url}/${path}`)
    const { detail } = await answer.json() as { detail: unknown }
    t.strictSame([path, answer.status, typeof detail], [path, status, 'string'])
  }
})

await t.test('a store that does not exist: health says so, and the server serves as soon as it does', async t => {
  const root = join(await tempDir(t), 'later')
  const { url } = await serve(t, '--alert-store', pathToFileURL(root).href)
  const answer = await fetch(`${url}/health`)
  t.equal(answer.status, 503)
  t.match(await answer.json(), { detail: /STORE_MISSING/ })
  t.equal((await fetch(`${url}/alerts/${id}`)).status, 503)
  await archiveIn(root, 'v2')
  t.equal((await fetch(`${url}/alerts/${id}`)).status, 200)
})

await t.test('the path prefix goes before every path, with or without slashes around it', async t => {
  const root = await tempDir(t)
  await archiveIn(root, 'v2')
  for (const prefix of ['/alertdb', 'alertdb/']) {
    const { url } = await serve(t, '--alert-store', pathToFileURL(root).href, '--path-prefix', prefix)
    t.match(url, /:\d+\/alertdb\/v1$/)
    t.equal((await fetch(`${url}/alerts/${id}`)).status, 200)
    t.equal((await fetch(url.replace('/alertdb', '') + `/alerts/${id}`)).status, 404)
  }
  const bad = await runCli(['serve', '--alert-store', pathToFileURL(root).href, '--path-prefix', '/a b'])
  t.match([bad.code, bad.stderr], [1, /^API_PREFIX_INVALID: /m])
})

await t.test('the original\'s names of store flags work', async t => {
  const root = await tempDir(t)
  await archiveIn(root, 'v1')
  const { url } = await serve(t, '--backend', 'local-files', '--local-file-root', root)
  t.strictSame((await raw(`${url}/alerts/${id}`, {})).body, frame)
})

await t.test('a busy port, and no store at all, are clear errors', async t => {
  const holder = createServer()
  holder.listen(0, '127.0.0.1')
  await once(holder, 'listening')
  t.teardown(() => { holder.close() })
  const { port } = holder.address() as AddressInfo
  const busy = await runCli(['serve', '--alert-store', 'file:///nowhere', '--listen-port', String(port)])
  t.equal(busy.code, 1)
  t.match(busy.stderr, new RegExp(`^API_PORT_BUSY: .*127.0.0.1:${port}`, 'm'))
  t.notMatch(busy.stderr, /\n\s+at /)
  const none = await runCli(['serve'])
  t.match([none.code, none.stderr], [2, /^STORE_NOT_GIVEN: /m])
})

await t.test('SIGTERM: a request that has begun is answered whole, then the server ends with 0', async t => {
  const root = await tempDir(t)
  await archiveIn(root, 'v2')
  const running = await serve(t, '--alert-store', pathToFileURL(root).href, '--admin-port', '0')
  const [, admin] = await running.waitFor(/"port":(\d+)/)
  t.equal((await fetch(`http://127.0.0.1:${admin}/readyz`)).status, 200)
  const asked = request(`${running.url}/alerts/${id}`, { agent: false })
  asked.end()
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  const ending = running.stop('SIGTERM')
  t.strictSame(Buffer.concat(await answer.toArray() as Buffer[]), frame)
  const { code, stderr } = await ending
  t.equal(code, 0, stderr)
})
