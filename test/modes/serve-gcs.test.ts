// serve with buckets: the same responses as with a folder, byte for byte, and the responses while a bucket cannot be read.
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../../src/stores/index.ts'
import type { Layout } from '../../src/stores/layouts.ts'
import { eventually } from '../kafka/support.ts'
import { faultProxy, isDownload } from '../support/fault-proxy.ts'
import { runCli, startCli, tempDir, useGcs, type RunningCli } from '../support/stack.ts'

const gcs = await useGcs(t)
const ids = ['281334371292545025', '7', '9223372036854775807']
const frameOf = (id: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 4, 0xd2]), Buffer.alloc(90_000, `alert ${id} `)])
const schema = '{"type":"record","name":"alert","doc":"kept  as it is","fields":[{"name":"diaSourceId","type":"long","default":0}]}'

async function fill (alerts: string, schemas: string, layout: Layout): Promise<void> {
  const options = { emulatorHost: gcs.url }
  const archive = createArchive({ alerts: await openStore(alerts, options), schemas: await openStore(schemas, options), layout })
  for (const id of ids) await archive.putAlert(id, await gzipFrame(frameOf(id)), checksumsOf(frameOf(id)))
  await archive.putSchema(1234, schema)
  await archive.close()
}

/** The environment sets a proxy, which must not affect requests to the emulator on this machine. */
function environment (emulator: string | undefined) {
  return { env: { STORAGE_EMULATOR_HOST: emulator, HTTP_PROXY: 'http://127.0.0.1:2' } }
}

async function serve (t: Test, args: readonly string[], emulator: string | undefined): Promise<RunningCli & { readonly url: string }> {
  const running = startCli(t, ['serve', '--listen-port', '0', ...args], environment(emulator))
  const [, url] = await running.waitFor(/^serving (http:\S+)\n/m)
  return Object.assign(running, { url: url! })
}

/** Returns the status, the headers that clients and caches use, and the body bytes of a response. */
async function responseOf (url: string, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(url, { headers })
  const kept = ['content-type', 'content-encoding', 'etag', 'cache-control', 'vary'].map(name => response.headers.get(name))
  return [response.status, kept, Buffer.from(await response.arrayBuffer()).toString('base64')]
}

for (const layout of ['v1', 'v2'] as const) {
  await t.test(`serves two buckets in layout ${layout} exactly like a folder with the same objects`, async t => {
    const alertBucket = await gcs.bucket()
    const alerts = `gs://${alertBucket}`
    const schemas = `gs://${await gcs.bucket()}/some/prefix`
    const folder = pathToFileURL(await tempDir(t)).href
    await fill(alerts, schemas, layout)
    await fill(folder, folder, layout)
    const flags = layout === 'v1' ? ['--backend', 'google-cloud', '--gcp-bucket-alerts', alertBucket] : ['--alert-store', alerts]
    const bucket = await serve(t, [...flags, '--schema-store', schemas], gcs.url)
    const files = await serve(t, ['--alert-store', folder], undefined)
    const paths = [...ids.map(id => `alerts/${id}`), 'alerts/8', 'schemas/1234', 'schemas/5', 'health']
    for (const path of paths) {
      for (const headers of [{ 'accept-encoding': 'identity' }, { 'accept-encoding': 'gzip' }]) {
        const fromFiles = await responseOf(`${files.url}/${path}`, headers)
        t.strictSame(await responseOf(`${bucket.url}/${path}`, headers), fromFiles, `${path} ${headers['accept-encoding']}`)
      }
    }
    t.ok(Buffer.from(await (await fetch(`${bucket.url}/alerts/${ids[0]}`)).arrayBuffer()).equals(frameOf(ids[0]!)))
  })
}

await t.test('retries reads after temporary failures, responds with 503, not 404, if the bucket denies access, and recovers', async t => {
  const url = `gs://${await gcs.bucket()}`
  await fill(url, url, 'v2')
  const proxy = await faultProxy(t, gcs.url)
  const server = await serve(t, ['--alert-store', url, '--store-timeout', '2'], new URL(proxy.url).host)
  for (const fault of [{ status: 503 }, 'reset', 'damage response', 'cut response', 'hang'] as const) {
    proxy.fail(fault, 1, isDownload)
    const response = await fetch(`${server.url}/alerts/${ids[1]}`)
    t.equal(response.status, 200, typeof fault === 'string' ? fault : '503')
    t.ok(Buffer.from(await response.arrayBuffer()).equals(frameOf(ids[1]!)))
  }
  t.equal(proxy.failed, 5)
  proxy.fail({ status: 403 })
  for (const path of [`alerts/${ids[1]}`, 'alerts/8', 'schemas/5', 'health']) {
    const response = await fetch(`${server.url}/${path}`)
    t.equal(response.status, 503, path)
    t.match(await response.json(), { detail: /STORE_BUCKET_DENIED/ })
  }
  proxy.heal()
  t.equal((await fetch(`${server.url}/alerts/${ids[1]}`)).status, 200)
  t.equal((await server.stop()).code, 0)
})

await t.test('does not start if a bucket does not exist', async t => {
  const bucket = await gcs.bucket()
  const [url, missing] = [`gs://${bucket}`, `gs://${bucket}-typo`]
  for (const args of [['--alert-store', missing], ['--alert-store', url, '--schema-store', missing]]) {
    const { code, stderr } = await runCli(['serve', ...args], environment(gcs.url))
    t.equal(code, 1)
    t.match(stderr, new RegExp(`^STORE_BUCKET_MISSING: .*\\(${missing}\\)\\. Create the bucket, or correct its name`, 'm'))
  }
})

for (const fault of [{ status: 503 }, 'reset', 'hang'] as const) {
  const name = typeof fault === 'string' ? fault : '503'
  await t.test(`${name}: starts while the bucket is temporarily unreachable, and /readyz reports the failure`, async t => {
    const url = `gs://${await gcs.bucket()}`
    await fill(url, url, 'v2')
    const proxy = await faultProxy(t, gcs.url)
    proxy.fail(fault)
    const server = await serve(t, ['--alert-store', url, '--store-timeout', '1', '--admin-port', '0'], proxy.url)
    t.match(server.stderr, /"msg":"store not available yet"/)
    const [, admin] = await server.waitFor(/"port":(\d+)/)
    const ready = async () => await fetch(`http://127.0.0.1:${admin}/readyz`)
    const before = await ready()
    t.equal(before.status, 503)
    t.match(await before.json(), { checks: { store: /^STORE_UNAVAILABLE: / } })
    proxy.heal()
    await eventually(async () => (await ready()).status === 200)
    t.equal((await fetch(`${server.url}/alerts/${ids[0]}`)).status, 200)
  })
}
