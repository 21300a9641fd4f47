// The registry routes of the archive. test/docs/clients.test.ts reads a stream with them through the clients of brokers.
import { rename } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { apiOf } from '../support.ts'

const schemaOf = (id: number): string => `{"type": "record", "name": "alert", "fields": [], "doc": "number ${id}"}`
const mediaType = 'application/vnd.schemaregistry.v1+json'

async function registryOf (t: Test, ids: readonly number[] = [1101, 900]) {
  const api = await apiOf(t, { pathPrefix: '/alertdb' })
  for (const id of ids) await api.writeSchema(id, schemaOf(id))
  return {
    ...api,
    get: async (path: string) => {
      const { statusCode, headers, body } = await api.app.inject(`/alertdb${path}`)
      t.equal(headers['content-type'], mediaType, path)
      t.equal(Number(headers['content-length']), Buffer.byteLength(body), path)
      return { status: statusCode, body: JSON.parse(body) as unknown }
    }
  }
}

await t.test('lists one subject, whose versions are the ids of the schemas in ascending order', async t => {
  const { get } = await registryOf(t)
  t.strictSame(await get('/subjects'), { status: 200, body: ['alert-packet'] })
  t.strictSame(await get('/subjects/alert-packet/versions'), { status: 200, body: [900, 1101] })
  const found = { subject: 'alert-packet', version: 900, id: 900, schema: schemaOf(900) }
  t.strictSame(await get('/subjects/alert-packet/versions/900'), { status: 200, body: found })
  for (const latest of ['latest', '-1']) {
    t.match(await get(`/subjects/alert-packet/versions/${latest}`), { status: 200, body: { version: 1101, schema: schemaOf(1101) } })
  }
  t.strictSame(await get('/subjects/alert-packet/versions/900/schema'), { status: 200, body: JSON.parse(schemaOf(900)) })
})

await t.test('finds schemas, subjects and versions by id', async t => {
  const { get, app } = await registryOf(t)
  t.strictSame(await get('/schemas/ids/900'), { status: 200, body: { schema: schemaOf(900) } })
  t.strictSame(await get('/schemas/ids/900/subjects'), { status: 200, body: ['alert-packet'] })
  t.strictSame(await get('/schemas/ids/900/versions'), { status: 200, body: [{ subject: 'alert-packet', version: 900 }] })
  t.equal((await app.inject('/alertdb/schemas/ids/900/schema')).body, schemaOf(900), 'the text is unchanged')
})

await t.test('an empty archive has no subject', async t => {
  const { get, archive } = await registryOf(t, [])
  await archive.putAlert('1', Buffer.alloc(0), { crc32c: 0, sha256: '' })
  t.strictSame(await get('/subjects'), { status: 200, body: [] })
  t.match(await get('/subjects/alert-packet/versions/latest'), { status: 404, body: { error_code: 40401 } })
})

for (const [path, status, code] of [
  ['/subjects/other/versions', 404, 40401], ['/subjects/other/versions/900', 404, 40401],
  ['/subjects/alert-packet/versions/901', 404, 40402], ['/subjects/alert-packet/versions/new', 422, 42202],
  ['/schemas/ids/901', 404, 40403], ['/schemas/ids/901/versions', 404, 40403], ['/schemas/ids/x', 400, 400]
] as const) {
  await t.test(`responds to ${path} with ${status} and the error code of the registry`, async t => {
    const { get } = await registryOf(t)
    t.match(await get(path), { status, body: { error_code: code, message: String } })
  })
}

await t.test('rejects other methods, and damage and outages of the archive, in the form of the registry', async t => {
  const { app, get, root, writeSchema } = await registryOf(t)
  const posted = await app.inject({ method: 'POST', url: '/alertdb/subjects/alert-packet/versions', payload: '{}' })
  t.equal(posted.statusCode, 405)
  t.match(posted.json(), { error_code: 405, message: /GET, HEAD, OPTIONS/ })
  await writeSchema(1200, '{')
  t.match(await get('/schemas/ids/1200'), { status: 500, body: { error_code: 50001, message: /OBJECT_CORRUPT/ } })
  await rename(root, `${root}.away`)
  t.match(await get('/schemas/ids/7'), { status: 503, body: { error_code: 50001, message: /STORE_/ } })
})
