// The archive's server over buckets: the same answers as over files, byte for byte, and what it says while the buckets cannot be read.
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { createArchive, crc32c, gzipFrame, openStore } from '../../src/stores/index.ts'
import type { Layout } from '../../src/stores/layouts.ts'
import { faultProxy, isDownload } from '../support/fault-proxy.ts'
import { startCli, tempDir, useGcs, type RunningCli } from '../support/stack.ts'

const gcs = await useGcs(t)
const ids = ['281334371292545025', '7', '9223372036854775807']
const frameOf = (id: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 4, 0xd2]), Buffer.alloc(90_000, `alert ${id} `)])
const schema = '{"type":"record","name":"alert","doc":"kept  as it is","fields":[{"name":"diaSourceId","type":"long","default":0}]}'

async function fill (alerts: string, schemas: string, layout: Layout): Promise<void> {
  const archive = createArchive({ alerts: await openStore(alerts, { emulatorHost: gcs.url }), schemas: await openStore(schemas, { emulatorHost: gcs.url }), layout })
  for (const id of ids) await archive.putAlert(id, await gzipFrame(frameOf(id)), crc32c(frameOf(id)))
  await archive.putSchema(1234, schema)
  await archive.close()
}

/** Whatever proxy the user has for the world: it is not on the way to this machine. */
async function serve (t: Test, args: readonly string[], emulator: string | undefined): Promise<RunningCli & { readonly url: string }> {
  const running = startCli(t, ['serve', '--listen-port', '0', ...args], { env: { STORAGE_EMULATOR_HOST: emulator, HTTP_PROXY: 'http://127.0.0.1:2' } })
  const [, url] = await running.waitFor(/^serving (http:\S+)\n/m)
  return Object.assign(running, { url: url! })
}

/** Status, what clients keep, and bytes. */
async function answer (url: string, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(url, { headers })
  const kept = ['content-type', 'content-encoding', 'etag', 'cache-control', 'vary'].map(name => response.headers.get(name))
  return [response.status, kept, Buffer.from(await response.arrayBuffer()).toString('base64')]
}

for (const layout of ['v1', 'v2'] as const) {
  await t.test(`buckets of layout ${layout}, one for alerts and one for schemas, are served as a folder with the same objects is`, async t => {
    const alerts = `gs://${await gcs.bucket()}`
    const schemas = `gs://${await gcs.bucket()}/some/prefix`
    const folder = pathToFileURL(await tempDir(t)).href
    await fill(alerts, schemas, layout)
    await fill(folder, folder, layout)
    const flags = layout === 'v1' ? ['--backend', 'google-cloud', '--gcp-bucket-alerts', alerts.slice('gs://'.length), '--schema-store', schemas] : ['--alert-store', alerts, '--schema-store', schemas]
    const [bucket, files] = [await serve(t, flags, gcs.url), await serve(t, ['--alert-store', folder], undefined)]
    const paths = [...ids.map(id => `alerts/${id}`), 'alerts/8', 'schemas/1234', 'schemas/5', 'health']
    for (const path of paths) {
      for (const headers of [{ 'accept-encoding': 'identity' }, { 'accept-encoding': 'gzip' }]) {
        t.strictSame(await answer(`${bucket.url}/${path}`, headers), await answer(`${files.url}/${path}`, headers), `${path} ${headers['accept-encoding']}`)
      }
    }
    t.ok(Buffer.from(await (await fetch(`${bucket.url}/alerts/${ids[0]}`)).arrayBuffer()).equals(frameOf(ids[0]!)))
  })
}

await t.test('reads that fail for a moment are answered all the same; a refusal is 503 and never 404, and the server goes on', async t => {
  const url = `gs://${await gcs.bucket()}`
  await fill(url, url, 'v2')
  const proxy = await faultProxy(t, gcs.url)
  const server = await serve(t, ['--alert-store', url, '--store-timeout', '2'], new URL(proxy.url).host)
  for (const fault of [{ status: 503 }, 'reset', 'damage answer', 'cut answer', 'hang'] as const) {
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

await t.test('a bucket that is not there is no empty archive', async t => {
  const { url } = await serve(t, ['--alert-store', `gs://${await gcs.bucket()}-typo`], gcs.url)
  for (const path of [`alerts/${ids[0]}`, 'schemas/1', 'health']) {
    const response = await fetch(`${url}/${path}`)
    t.equal(response.status, 503)
    t.match(await response.json(), { detail: /STORE_BUCKET_MISSING/ })
  }
})
