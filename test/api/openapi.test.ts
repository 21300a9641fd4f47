import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { build, type ApiOptions } from '../../src/api/app.ts'
import { pythonEnvironment } from '../../src/devstack/index.ts'
import { runTool } from '../../src/devstack/tools.ts'
import { createArchive } from '../../src/stores/archive.ts'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'
import { alertsOf } from '../formats/support.ts'
import { idOf, searchOf } from '../search/support.ts'
import { cache, tempDir } from '../support/stack.ts'

/** Pinned versions of schemathesis and its requirements. */
const requirements = [
  'schemathesis==4.32.5', 'anyio==4.16.0', 'certifi==2026.10.18', 'charset-normalizer==3.5.3', 'click==8.5.1', 'graphql-core==3.3.2',
  'harfile==0.6.0', 'hypothesis==6.170.17', 'hypothesis-graphql==0.13.5', 'idna==3.20', 'iniconfig==2.3.1', 'jsonschema_rs==0.60.3',
  'markdown-it-py==4.3.0', 'MarkupSafe==3.0.4', 'mdurl==0.1.2', 'packaging==26.4', 'pluggy==1.7.0', 'Pygments==2.21.0',
  'pyrate-limiter==4.5.1', 'pytest==9.2.0', 'PyYAML==6.0.4', 'requests==2.34.2', 'rich==15.0.0', 'sortedcontainers==2.4.0',
  'typing_extensions==4.16.0', 'urllib3==2.8.0', 'Werkzeug==3.1.9'
]

async function apiOf (t: Test, options: Partial<ApiOptions> = {}) {
  const root = join(await tempDir(t), 'archive')
  await mkdir(root)
  const store = await openFileStore(root)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  await archive.putSchema(0, '{"type":"string"}')
  // Ids that schemathesis tries.
  const ids = ['0', '1', '2', '3', '10']
  for (const [index, { schema, schemaId, value }] of (await alertsOf('11.1', ids.length)).entries()) {
    const frame = schema.encodeFramed(schemaId, value)
    await archive.putSchema(schemaId, schema.text)
    await archive.putAlert(ids[index]!, await gzipFrame(frame), checksumsOf(frame))
  }
  const { search, write } = await searchOf(t)
  await write([
    { id: idOf(7, 1), key: 'ff', psfFlux: 'NaN' }, { id: idOf(7, 1), sha256: 'aa' }, { id: idOf(7, 2), midpointMjdTai: null, topic: null }
  ])
  const app = build({ archive, search: async () => search, pressure: false, ...options })
  t.teardown(() => app.close())
  return app
}

await t.test('the document describes every resource under the path prefix', async t => {
  const app = await apiOf(t, { pathPrefix: '/alertdb' })
  const response = await app.inject('/alertdb/v1/openapi.json')
  t.match(response.headers, { 'content-type': /^application\/json/ })
  const { openapi, paths } = response.json() as { openapi: string, paths: Record<string, Record<string, unknown>> }
  t.match(openapi, /^3\.1\./)
  t.strictSame(Object.entries(paths).map(([path, methods]) => `${Object.keys(methods).join()} ${path}`).sort(), [
    'get /alertdb', 'get /alertdb/v1', 'get /alertdb/v1/alerts', 'get /alertdb/v1/alerts/{id}',
    'get /alertdb/v1/alerts/{id}/cutouts/{cutout}',
    'get /alertdb/v1/alerts/{id}/lightcurve', 'get /alertdb/v1/docs',
    'get /alertdb/v1/objects/{id}', 'get /alertdb/v1/ssobjects/{id}', 'get /alertdb/api/alerts', 'get /alertdb/api/alerts/cutouts',
    'get /alertdb/api/alerts/schema', 'get /alertdb/api/alerts/links',
    'get /alertdb/v1/health', 'get /alertdb/v1/nights', 'get /alertdb/v1/nights/{night}', 'get /alertdb/v1/openapi.json',
    'get /alertdb/v1/schemas/{id}', 'get /alertdb/schemas/ids/{id}', 'get /alertdb/schemas/ids/{id}/schema',
    'get /alertdb/schemas/ids/{id}/subjects', 'get /alertdb/schemas/ids/{id}/versions', 'get /alertdb/subjects',
    'get /alertdb/subjects/{subject}/versions', 'get /alertdb/subjects/{subject}/versions/{version}',
    'get /alertdb/subjects/{subject}/versions/{version}/schema', 'post /alertdb/v1/alerts/batch'
  ].sort())
})

await t.test('the page of the API loads nothing from elsewhere', async t => {
  const app = await apiOf(t, { pathPrefix: '/alertdb' })
  const { body, headers } = await app.inject('/alertdb/v1/docs')
  t.match(headers, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': /default-src 'none'/ })
  for (const path of ['GET /alertdb/v1/alerts', 'POST /alertdb/v1/alerts/batch', 'GET /alertdb/v1/alerts/{id}']) {
    t.ok(body.includes(path), path)
  }
  t.notMatch(body, /<(script|link|img|iframe)|src=|https?:/)
})

await t.test('schemathesis finds no response that the document does not describe', async t => {
  const app = await apiOf(t)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const python = await pythonEnvironment({ ...cache(), requirements })
  const { code, stdout, stderr } = await runTool(python, [
    '-m', 'schemathesis.cli', 'run', `${url}/v1/openapi.json`, '--max-examples', '10', '--seed', '1', '--no-color',
    // Parameters that need each other (ra, dec, radius), and cursors, cannot be described: some valid values are answered with 400.
    '--exclude-checks', 'positive_data_acceptance', '--phases', 'examples,coverage,fuzzing', '--request-timeout', '30'
    // schemathesis keeps a cache in its working folder.
  ], { env: process.env, cwd: await tempDir(t) })
  t.equal(code, 0, `${stdout}${stderr}`.slice(-6000))
  t.match(stdout, /[1-9][0-9]* (generated|passed)/)
})
