// serve with buckets: the same responses as with a folder, byte for byte, and the responses while a bucket cannot be read.
import { pathToFileURL } from 'node:url'
import root, { type Test } from 'tap'
import { s3Credentials } from '../../src/devstack/index.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../../src/stores/index.ts'
import type { Layout } from '../../src/stores/layouts.ts'
import type { OpenStoreOptions } from '../../src/stores/open-store.ts'
import { eventually } from '../kafka/support.ts'
import { faultProxy, isDownload, isS3Download, type SeenRequest } from '../support/fault-proxy.ts'
import { runCli, startCli, tempDir, useGcs, useS3, type RunningCli } from '../support/stack.ts'

const [gcs, s3] = [await useGcs(root), await useS3(root)]

interface Service {
  readonly name: 'gs' | 's3'
  /** URL of the real server. */
  readonly server: string
  bucket (): Promise<string>
  readonly options: OpenStoreOptions
  /** Environment of a program that uses `url`, which is the real server or a proxy. */
  environment (url: string): Record<string, string>
  /** The flags for a bucket that the survey's server uses. */
  flags (bucket: string): readonly string[]
  isDownload (request: SeenRequest): boolean
}

const services: readonly Service[] = [
  {
    name: 'gs', server: gcs.url, bucket: gcs.bucket, options: { emulatorHost: gcs.url }, isDownload,
    environment: url => ({ STORAGE_EMULATOR_HOST: new URL(url).host }),
    flags: bucket => ['--backend', 'google-cloud', '--gcp-bucket-alerts', bucket]
  },
  {
    name: 's3', server: s3.url, bucket: s3.bucket, options: { s3: { endpoint: s3.url, credentials: s3Credentials } },
    isDownload: isS3Download,
    environment: url => ({ ...s3.env, ALERT_STREAM_S3_ENDPOINT_URL: url }),
    flags: bucket => ['--bucket-alerts', bucket]
  }
]

const ids = ['281334371292545025', '7', '9223372036854775807']
const frameOf = (id: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 4, 0xd2]), Buffer.alloc(90_000, `alert ${id} `)])
const schema = '{"type":"record","name":"alert","doc":"kept  as it is","fields":[{"name":"diaSourceId","type":"long","default":0}]}'

async function fill (alerts: string, schemas: string, layout: Layout, options: OpenStoreOptions = {}): Promise<void> {
  const archive = createArchive({ alerts: await openStore(alerts, options), schemas: await openStore(schemas, options), layout })
  for (const id of ids) await archive.putAlert(id, await gzipFrame(frameOf(id)), checksumsOf(frameOf(id)))
  await archive.putSchema(1234, schema)
  await archive.close()
}

/** The environment sets a proxy, which must not affect requests to a server on this machine. */
function withProxy (env: Record<string, string>) {
  return { env: { ...env, HTTP_PROXY: 'http://127.0.0.1:2' } }
}

async function serve (t: Test, args: readonly string[], env: Record<string, string> = {}): Promise<RunningCli & { readonly url: string }> {
  const running = startCli(t, ['serve', '--listen-port', '0', ...args], withProxy(env))
  const [, url] = await running.waitFor(/^serving (http:\S+)\n/m)
  return Object.assign(running, { url: url! })
}

/** Returns the status, the headers that clients and caches use, and the body bytes of a response. */
async function responseOf (url: string, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(url, { headers })
  const kept = ['content-type', 'content-encoding', 'etag', 'cache-control', 'vary'].map(name => response.headers.get(name))
  return [response.status, kept, Buffer.from(await response.arrayBuffer()).toString('base64')]
}

function nameOf (fault: string | { readonly status: number }): string {
  return typeof fault === 'string' ? fault : String(fault.status)
}

for (const service of services) {
  const { name, server, bucket, options, environment } = service
  const test = async (title: string, body: (t: Test) => Promise<void>): Promise<void> => { await root.test(`${name}: ${title}`, body) }

  for (const layout of ['v1', 'v2'] as const) {
    await test(`serves two buckets in layout ${layout} exactly like a folder with the same objects`, async t => {
      const alertBucket = await bucket()
      const alerts = `${name}://${alertBucket}`
      const schemas = `${name}://${await bucket()}/some/prefix`
      const folder = pathToFileURL(await tempDir(t)).href
      await fill(alerts, schemas, layout, options)
      await fill(folder, folder, layout)
      const flags = layout === 'v1' ? service.flags(alertBucket) : ['--alert-store', alerts]
      const buckets = await serve(t, [...flags, '--schema-store', schemas], environment(server))
      const files = await serve(t, ['--alert-store', folder])
      const paths = [...ids.map(id => `alerts/${id}`), 'alerts/8', 'schemas/1234', 'schemas/5', 'health']
      for (const path of paths) {
        for (const headers of [{ 'accept-encoding': 'identity' }, { 'accept-encoding': 'gzip' }]) {
          const fromFiles = await responseOf(`${files.url}/${path}`, headers)
          t.strictSame(await responseOf(`${buckets.url}/${path}`, headers), fromFiles, `${path} ${headers['accept-encoding']}`)
        }
      }
      t.ok(Buffer.from(await (await fetch(`${buckets.url}/alerts/${ids[0]}`)).arrayBuffer()).equals(frameOf(ids[0]!)))
    })
  }

  await test('retries reads after temporary failures, responds with 503, not 404, if the bucket denies access, and recovers', async t => {
    const url = `${name}://${await bucket()}`
    await fill(url, url, 'v2', options)
    const proxy = await faultProxy(t, server)
    // Without the cache, each response reads the bucket.
    const served = await serve(t, ['--alert-store', url, '--store-timeout', '2', '--cache-mib', '0'], environment(proxy.url))
    for (const fault of [{ status: 503 }, 'reset', 'damage response', 'cut response', 'hang'] as const) {
      proxy.fail(fault, 1, service.isDownload)
      const response = await fetch(`${served.url}/alerts/${ids[1]}`)
      t.equal(response.status, 200, nameOf(fault))
      t.ok(Buffer.from(await response.arrayBuffer()).equals(frameOf(ids[1]!)))
    }
    t.equal(proxy.failed, 5)
    proxy.fail({ status: 403 })
    for (const path of [`alerts/${ids[1]}`, 'alerts/8', 'schemas/5', 'health']) {
      const response = await fetch(`${served.url}/${path}`)
      t.equal(response.status, 503, path)
      t.match(await response.json(), { detail: /STORE_BUCKET_DENIED/ })
    }
    proxy.heal()
    t.equal((await fetch(`${served.url}/alerts/${ids[1]}`)).status, 200)
    t.equal((await served.stop()).code, 0)
  })

  await test('does not start if a bucket does not exist', async t => {
    const url = `${name}://${await bucket()}`
    const missing = `${url}-typo`
    for (const args of [['--alert-store', missing], ['--alert-store', url, '--schema-store', missing]]) {
      const { code, stderr } = await runCli(['serve', ...args], withProxy(environment(server)))
      t.equal(code, 1)
      t.match(stderr, new RegExp(`^STORE_BUCKET_MISSING: .*\\(${missing}\\)\\. Create the bucket, or correct its name`, 'm'))
    }
  })

  for (const fault of [{ status: 503 }, 'reset', 'hang'] as const) {
    await test(`${nameOf(fault)}: starts while the bucket is temporarily unreachable, and /readyz reports the failure`, async t => {
      const url = `${name}://${await bucket()}`
      await fill(url, url, 'v2', options)
      const proxy = await faultProxy(t, server)
      proxy.fail(fault)
      const served = await serve(t, ['--alert-store', url, '--store-timeout', '1', '--admin-port', '0'], environment(proxy.url))
      t.match(served.stderr, /"msg":"store not available yet"/)
      const [, admin] = await served.waitFor(/"port":(\d+)/)
      const ready = async () => await fetch(`http://127.0.0.1:${admin}/readyz`)
      const before = await ready()
      t.equal(before.status, 503)
      t.match(await before.json(), { checks: { store: /^STORE_UNAVAILABLE: / } })
      proxy.heal()
      await eventually(async () => (await ready()).status === 200)
      t.equal((await fetch(`${served.url}/alerts/${ids[0]}`)).status, 200)
    })
  }
}
