// The mode serve in a child process, with a file store. The tests send real HTTP requests.
import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../../src/stores/index.ts'
import type { Layout } from '../../src/stores/layouts.ts'
import { runCli, startCli, tempDir, type RunningCli } from '../support/stack.ts'

const id = '281334371292545025'
const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 0xd2]), Buffer.alloc(90_000, 'alert ')])
const schema = '{"type":"record","name":"alert","doc":"kept","fields":[{"name":"diaSourceId","type":"long","default":0}]}'

const urlOf = (path: string): string => pathToFileURL(path).href

/** Creates a folder with an archive of one alert and one schema. */
async function makeArchive (t: Test, layout: Layout = 'v2'): Promise<string> {
  const root = await tempDir(t)
  const store = await openStore(urlOf(root))
  const archive = createArchive({ alerts: store, schemas: store, layout })
  await archive.putAlert(id, await gzipFrame(frame), checksumsOf(frame))
  await archive.putSchema(1234, schema)
  await archive.close()
  return root
}

async function serve (t: Test, ...args: string[]): Promise<RunningCli & { readonly url: string }> {
  const running = startCli(t, ['serve', '--listen-port', '0', ...args])
  const [, url] = await running.waitFor(/^serving (http:\S+)\n/m)
  return Object.assign(running, { url: url! })
}

/** Returns the content coding and the body bytes as sent. `fetch` would decode the bytes. */
async function raw (url: string, headers: Record<string, string>): Promise<{ encoding: string | undefined, body: Buffer }> {
  const sent = request(url, { headers })
  sent.end()
  const [response] = await once(sent, 'response') as [IncomingMessage]
  const body = Buffer.concat(await response.toArray() as Buffer[])
  return { encoding: response.headers['content-encoding'], body }
}

for (const layout of ['v1', 'v2'] as const) {
  await t.test(`serves alerts and schemas of an archive in layout ${layout}`, async t => {
    const { url } = await serve(t, '--alert-store', urlOf(await makeArchive(t, layout)), '--layout', 'v2')
    t.match(url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/)
    t.strictSame(await raw(`${url}/alerts/${id}`, {}), { encoding: undefined, body: frame })
    t.strictSame(await raw(`${url}/alerts/${id}`, { 'accept-encoding': 'gzip' }), { encoding: 'gzip', body: await gzipFrame(frame) })
    const response = await fetch(`${url}/schemas/1234`)
    t.match([response.status, response.headers.get('content-type'), response.headers.get('cache-control')], [200, /json/, /immutable/])
    t.equal(await response.text(), schema)
    t.equal(await (await fetch(`${url}/health`)).text(), 'OK')
  })
}

await t.test('responds with 404 to unknown ids and with 400 to invalid ids, and explains each error in the field detail', async t => {
  const { url } = await serve(t, '--alert-store', urlOf(await makeArchive(t)))
  for (const [path, status] of [
    ['alerts/1', 404], ['alerts/9223372036854775807', 404], ['schemas/5', 404], ['nothing', 404],
    ['alerts/9223372036854775808', 400], ['alerts/-1', 400], ['alerts/abc', 400], ['alerts/1.5', 400], ['schemas/x', 400],
    ['alerts/..%2f..%2fetc', 400]
  ] as const) {
    const response = await fetch(`${url}/${path}`)
    const { detail } = await response.json() as { detail: unknown }
    t.strictSame([path, response.status, typeof detail], [path, status, 'string'])
  }
})

await t.test('does not start if the folder of a store is missing or is a file', async t => {
  const root = await makeArchive(t)
  const file = join(root, 'file')
  await writeFile(file, '')
  const missing = await runCli(['serve', '--alert-store', 'file:///does/not/exist'])
  t.match(missing, {
    code: 1,
    stdout: '',
    stderr: /^STORE_MISSING: the folder of the store does not exist \(\/does\/not\/exist\)\. Create the folder, mount the volume, or .*\n$/
  })
  for (const [path, code] of [[join(root, 'none'), 'STORE_MISSING'], [file, 'STORE_PATH_BLOCKED']] as const) {
    const { code: exitCode, stderr } = await runCli(['serve', '--alert-store', urlOf(root), '--schema-store', urlOf(path)])
    t.equal(exitCode, 1)
    t.match(stderr, new RegExp(`^${code}: .*${path}`, 'm'))
  }
})

await t.test('responds with 503 while the folder of the store is missing, and recovers', async t => {
  const root = await makeArchive(t)
  const { url } = await serve(t, '--alert-store', urlOf(root))
  t.teardown(() => rename(`${root}.away`, root).catch(() => {}))
  await rename(root, `${root}.away`)
  const response = await fetch(`${url}/health`)
  t.equal(response.status, 503)
  t.match(await response.json(), { detail: /STORE_MISSING/ })
  t.equal((await fetch(`${url}/alerts/${id}`)).status, 503)
  await rename(`${root}.away`, root)
  t.equal((await fetch(`${url}/alerts/${id}`)).status, 200)
})

await t.test('serves under the path prefix, with or without slashes around the prefix', async t => {
  const store = urlOf(await makeArchive(t))
  for (const prefix of ['/alertdb', 'alertdb/']) {
    const { url } = await serve(t, '--alert-store', store, '--path-prefix', prefix)
    t.match(url, /:\d+\/alertdb\/v1$/)
    t.equal((await fetch(`${url}/alerts/${id}`)).status, 200)
    t.equal((await fetch(url.replace('/alertdb', '') + `/alerts/${id}`)).status, 404)
  }
})

await t.test('accepts the store flags of the original programs', async t => {
  const root = await makeArchive(t, 'v1')
  const { url } = await serve(t, '--backend', 'local-files', '--local-file-root', root)
  t.strictSame((await raw(`${url}/alerts/${id}`, {})).body, frame)
})

await t.test('if the port is in use, serve prints an error and exits with 1', async t => {
  const other = createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => { other.close() })
  const { port } = other.address() as AddressInfo
  const { code, stderr } = await runCli(['serve', '--alert-store', urlOf(await makeArchive(t)), '--listen-port', String(port)])
  t.equal(code, 1)
  t.match(stderr, new RegExp(`^API_PORT_BUSY: .*127.0.0.1:${port}`, 'm'))
  t.notMatch(stderr, /\n\s+at /)
})

await t.test('a missing or malformed store URL and an invalid path prefix are usage errors with exit code 2', async t => {
  for (const [args, error] of [
    [[], 'STORE_NOT_GIVEN'],
    [['--alert-store', '/var/alerts'], 'STORE_URL_INVALID'],
    [['--alert-store', urlOf(await makeArchive(t)), '--schema-store', 's4://bucket'], 'STORE_URL_INVALID'],
    [['--alert-store', 'file:///var/alerts', '--path-prefix', '/a b'], 'API_PREFIX_INVALID']
  ] as const) {
    const { code, stderr } = await runCli(['serve', ...args])
    t.equal(code, 2, stderr)
    t.match(stderr, new RegExp(`^${error}: `, 'm'))
  }
})

await t.test('after SIGTERM, serve finishes a request in flight and exits with 0', async t => {
  const running = await serve(t, '--alert-store', urlOf(await makeArchive(t)), '--admin-port', '0')
  const [, admin] = await running.waitFor(/"port":(\d+)/)
  t.equal((await fetch(`http://127.0.0.1:${admin}/readyz`)).status, 200)
  const sent = request(`${running.url}/alerts/${id}`, { agent: false })
  sent.end()
  const [response] = await once(sent, 'response') as [IncomingMessage]
  const ended = running.stop('SIGTERM')
  t.strictSame(Buffer.concat(await response.toArray() as Buffer[]), frame)
  const { code, stderr } = await ended
  t.equal(code, 0, stderr)
})
