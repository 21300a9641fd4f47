// Schemas that cannot be served, and what the cache may not keep.
import { rename } from 'node:fs/promises'
import t from 'tap'
import { apiOf } from '../support.ts'

const schema = '{"type":"record","name":"alert","doc":"caf\u00e9","fields":[]}'

for (const [damage, bytes] of Object.entries({
  'empty': '',
  'truncated': Buffer.from(schema).subarray(0, -5),
  'not JSON': '<html></html>',
  'bytes after the end': `${schema}}`,
  'not UTF-8': Buffer.from(schema, 'latin1')
})) {
  await t.test(`a damaged schema gives 500, and is served once it is restored: ${damage}`, async t => {
    const { app, lines, writeSchema } = await apiOf(t)
    await writeSchema(1100, bytes)
    for (const headers of [{}, { 'if-none-match': '*' }]) {
      const response = await app.inject({ url: '/v1/schemas/1100', headers })
      t.equal(response.statusCode, 500)
      t.strictSame(response.json(), { detail: 'the stored object is damaged (OBJECT_CORRUPT)' })
      t.equal(response.headers['cache-control'], 'no-store')
      t.notOk('etag' in response.headers)
    }
    t.match(lines, [{ code: 'OBJECT_CORRUPT', error: /v2\/schemas\/1100\.json/ }, { code: 'OBJECT_CORRUPT' }])
    await writeSchema(1100, schema)
    const restored = await app.inject('/v1/schemas/1100')
    t.strictSame([restored.statusCode, restored.body], [200, schema])
  })
}

await t.test('a missing schema is not remembered: it gives 200 once it is archived, and 503 while the archive is away', async t => {
  const { app, root, writeSchema } = await apiOf(t)
  const status = async () => (await app.inject('/v1/schemas/1100')).statusCode
  t.equal(await status(), 404)
  await rename(root, `${root}.away`)
  t.equal(await status(), 503)
  await rename(`${root}.away`, root)
  t.equal(await status(), 404)
  await writeSchema(1100, schema)
  t.equal(await status(), 200)
})

await t.test('a schema above the size limit gives 500', async t => {
  const { app, writeSchema } = await apiOf(t, { maxFrameBytes: 1_000_000 })
  await writeSchema(1, JSON.stringify({ type: 'string', doc: 'x'.repeat(2_000_000) }))
  const response = await app.inject('/v1/schemas/1')
  t.equal(response.statusCode, 500)
  t.match(response.json(), { detail: /OBJECT_TOO_LARGE/ })
})
