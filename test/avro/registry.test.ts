// Against a real schema registry; what it cannot show (servers that are down, slow or no registry, Confluent's IMPORT mode) is played by small
// HTTP servers that answer as documented.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { compactJson, createRegistryClient, fetchSchemaPackage, loadSchemaPackage, type RegistryClient } from '../../src/avro/index.ts'
import { cache, uniqueName, useStack } from '../support/stack.ts'

const { registry } = await useStack(t)
const client = createRegistryClient({ url: registry })
// The registry is shared with other tests: texts and ids of our own. After an import it assigns the ids that follow, so ours keep a distance.
let next = 1_000_000 + Math.floor(Math.random() * 1_000_000_000)
const freshId = (): number => (next += 10_000)
const freshSchema = (): string => compactJson(`{"type": "record", "name": "alert", "namespace": "test", "doc": "spaces  kept",
  "fields": [{"name": "${uniqueName('f').replaceAll('-', '_')}", "type": "long", "doc": "a doc"}, {"name": "n", "type": "int", "default": 1}]}`)

async function play (t: Test, listener: RequestListener): Promise<{ url: string, seen: string[] }> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    listener(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

async function bodyOf (request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>
}

await t.test('a text is registered once and comes back as it was, docs, defaults and all', async t => {
  const subject = uniqueName('avro')
  const text = freshSchema()
  t.equal(await client.idOf(subject, text), undefined)
  const first = await client.register(subject, text)
  t.match(first, { subject, version: 1, text, created: true })
  t.same(await client.register(subject, text), { ...first, created: false })
  t.equal(await client.schemaById(first.id), text)
  t.equal(await client.idOf(subject, text), first.id)
  const second = await client.register(subject, freshSchema())
  t.same(await client.versions(subject), [1, 2])
  t.equal((await client.latest(subject)).id, second.id)
  t.ok((await client.subjects()).includes(subject))
})

await t.test('an explicit id is honoured, read back, and idempotent', async t => {
  const subject = uniqueName('avro')
  const [low, high] = [freshId(), freshId()]
  const [older, newer] = [freshSchema(), freshSchema()]
  t.match(await client.register(subject, newer, { id: high }), { id: high, text: newer, created: true })
  t.match(await client.register(subject, newer, { id: high }), { id: high, created: false })
  t.match(await client.register(subject, older, { id: low }), { id: low, text: older, created: true })
  t.equal((await client.latest(subject)).id, high, 'an older version does not become the latest')
  t.same(await client.versions(subject), [low, high])
  t.equal(await client.schemaById(low), older)
})

await t.test('an explicit id is honoured for a subject that has schemas of other ids, which stay as they are', async t => {
  const subject = uniqueName('avro')
  const before = await client.register(subject, freshSchema())
  const id = freshId()
  await client.register(subject, freshSchema(), { id })
  t.same(await client.versions(subject), [1, id])
  t.match(await client.version(subject, 1), { id: before.id, text: before.text })
  t.equal((await client.latest(subject)).id, id)
})

await t.test('an id that belongs to another schema, or a text that has another id, is refused and nothing is changed', async t => {
  const subject = uniqueName('avro')
  const id = freshId()
  const text = freshSchema()
  await client.register(subject, text, { id })
  await t.rejects(client.register(subject, freshSchema(), { id }), { code: 'SCHEMA_ID_NOT_HONOURED', message: /already belongs to another schema/ })
  await t.rejects(client.register(uniqueName('avro'), freshSchema(), { id }), { code: 'SCHEMA_ID_NOT_HONOURED' })
  await t.rejects(client.register(subject, text, { id: freshId() }), { code: 'SCHEMA_ID_NOT_HONOURED', message: new RegExp(`as id ${id}`) })
  await t.rejects(client.register(subject, text, { id: 0 }), { code: 'SCHEMA_ID_NOT_HONOURED' })
  t.same(await client.versions(subject), [id])
  t.equal((await client.latest(subject)).text, text)
})

await t.test('a text that another subject has already keeps its id there; asking for another is refused and the subject stays usable', async t => {
  const text = freshSchema()
  const { id } = await client.register(uniqueName('avro'), text)
  const subject = uniqueName('avro')
  await t.rejects(client.register(subject, text, { id: freshId() }), { code: 'SCHEMA_ID_NOT_HONOURED', message: /by another id.*nothing was changed/ })
  t.same(await client.versions(subject), [])
  t.match(await client.register(subject, text, { id }), { subject, id, text, created: true })
})

await t.test('the survey\'s schemas are taken whole', async t => {
  const survey = await loadSchemaPackage(await fetchSchemaPackage({ cacheDir: cache().cacheDir }))
  const subject = uniqueName('avro')
  for (const { text } of survey.versions) t.equal((await client.register(subject, text)).text, text)
  t.equal((await client.latest(subject)).text, survey.latest.text)
  t.equal((await client.versions(subject)).length, survey.versions.length)
})

await t.test('an incompatible schema is refused with the registry\'s own message', async t => {
  const subject = uniqueName('avro')
  const field = uniqueName('f').replaceAll('-', '_')
  await client.register(subject, `{"type":"record","name":"a","fields":[{"name":"${field}","type":"int"}]}`)
  await client.setCompatibility(subject, 'FULL')
  t.equal(await client.compatibility(subject), 'FULL')
  const other = `{"type":"record","name":"a","fields":[{"name":"${field}","type":"string"}]}`
  await t.rejects(client.register(subject, other), { code: 'SCHEMA_INCOMPATIBLE', retryable: false, message: /[Ii]ncompatible/ })
  await client.setCompatibility(subject, 'NONE')
  t.match(await client.register(subject, other), { version: 2, created: true })
})

await t.test('what the registry does not have is unknown, not unavailable', async t => {
  await t.rejects(client.schemaById(2_147_000_000), { code: 'UNKNOWN_SCHEMA', retryable: false, where: /schemas\/ids\/2147000000/ })
  await t.rejects(client.latest(uniqueName('none')), { code: 'UNKNOWN_SUBJECT' })
  t.same(await client.versions(uniqueName('none')), [])
})

await t.test('concurrent look-ups of one id are one request, later ones none', async t => {
  const { url, seen } = await play(t, (_request, response) => {
    setImmediate(() => response.setHeader('content-type', 'application/json').end('{"schema":"\\"long\\""}'))
  })
  const own = createRegistryClient({ url: `${url}/` })
  const texts = await Promise.all(Array.from({ length: 50 }, () => own.schemaById(7)))
  t.ok(texts.every(text => text === '"long"'))
  await own.schemaById(7)
  t.same(seen, ['GET /schemas/ids/7'])
})

await t.test('one caller that gives up does not take the answer from the others', async t => {
  const answers: Array<() => void> = []
  const { url } = await play(t, (_request, response) => { answers.push(() => response.end('{"schema":"\\"long\\""}')) })
  const own = createRegistryClient({ url })
  const controller = new AbortController()
  const impatient = own.schemaById(7, controller.signal)
  const patient = own.schemaById(7)
  controller.abort(new Error('enough'))
  await t.rejects(impatient, /enough/)
  while (answers.length === 0) await new Promise(resolve => setImmediate(resolve))
  answers[0]!()
  t.equal(await patient, '"long"')
})

await t.test('an unknown id is believed for a while only', async t => {
  let known = false
  const { url, seen } = await play(t, (_request, response) => {
    if (known) response.end('{"schema":"\\"long\\""}')
    else response.writeHead(404).end('{"error_code":40403,"message":"Schema not found"}')
  })
  const patient = createRegistryClient({ url, unknownForMs: 600_000 })
  await t.rejects(patient.schemaById(7), { code: 'UNKNOWN_SCHEMA' })
  await t.rejects(patient.schemaById(7), { code: 'UNKNOWN_SCHEMA' })
  t.equal(seen.length, 1)
  const eager = createRegistryClient({ url, unknownForMs: 0 })
  await t.rejects(eager.schemaById(7), { code: 'UNKNOWN_SCHEMA' })
  known = true
  t.equal(await eager.schemaById(7), '"long"')
})

await t.test('a registry that is down, failing or silent is unavailable, with its URL; tries are counted', async t => {
  const options = { retryDelayMs: 1, attempts: 3 }
  const down = createRegistryClient({ url: 'http://127.0.0.1:1', ...options })
  for (const attempt of [(): Promise<unknown> => down.schemaById(1), () => down.check(), () => down.idOf('s', freshSchema()), () => down.register('s', freshSchema())]) {
    await t.rejects(attempt(), { code: 'REGISTRY_UNAVAILABLE', retryable: true, where: /http:\/\/127\.0\.0\.1:1/ })
  }
  const failing = await play(t, (_request, response) => { response.writeHead(503).end('<html>busy</html>') })
  const busy = createRegistryClient({ url: failing.url, ...options })
  await t.rejects(busy.schemaById(1), { code: 'REGISTRY_UNAVAILABLE', message: /503/ })
  t.equal(failing.seen.length, 3)
  await t.rejects(busy.idOf('s', freshSchema()), { code: 'REGISTRY_UNAVAILABLE' })
  t.equal(failing.seen.length, 6)
  const silent = await play(t, () => {})
  const waiting = createRegistryClient({ url: silent.url, ...options, attempts: 1, timeoutMs: 50 })
  await t.rejects(waiting.schemaById(1), { code: 'REGISTRY_UNAVAILABLE', message: /within 50 ms/ })
  await t.rejects(waiting.idOf('s', freshSchema()), { code: 'REGISTRY_UNAVAILABLE', message: /[Tt]imeout/ })
})

await t.test('a registry that comes back within the tries is not noticed', async t => {
  let requests = 0
  const { url } = await play(t, (_request, response) => {
    if (++requests < 3) response.writeHead(502).end()
    else response.end('{"schema":"\\"long\\""}')
  })
  t.equal(await createRegistryClient({ url, retryDelayMs: 1 }).schemaById(7), '"long"')
})

await t.test('what is no registry says so', async t => {
  const origin = new URL(registry).origin
  await t.rejects(createRegistryClient({ url: origin }).schemaById(1), { code: 'NOT_A_REGISTRY', retryable: false })
  await t.rejects(createRegistryClient({ url: origin }).check(), { code: 'NOT_A_REGISTRY' })
  const page = await play(t, (_request, response) => { response.setHeader('content-type', 'text/html').end('<html>hello</html>') })
  await t.rejects(createRegistryClient({ url: page.url }).schemaById(1), { code: 'NOT_A_REGISTRY', message: /hello/ })
  for (const body of ['', 'null', '[]', '"text"', '{"schema":{"type":"long"}}', '{"schema":"{\\"type\\":"}']) {
    const odd = await play(t, (_request, response) => { response.end(body) })
    const client = createRegistryClient({ url: odd.url })
    await t.rejects(client.schemaById(1), { code: 'NOT_A_REGISTRY' }, `200 with ${body}`)
    await t.rejects(client.latest('s'), { code: 'NOT_A_REGISTRY' }, `200 with ${body} for a version`)
    await t.rejects(client.schemaById(1), { code: 'NOT_A_REGISTRY' }, 'it is not remembered')
    t.equal(odd.seen.length, 3)
  }
  const guarded = await play(t, (_request, response) => { response.writeHead(401).end('{"message":"who are you"}') })
  await t.rejects(createRegistryClient({ url: guarded.url }).schemaById(1), { code: 'REGISTRY_REFUSED', message: /401.*who are you/ })
})

/** A registry with Confluent's modes, as its documentation has them. */
async function confluent (t: Test, refuse = false): Promise<{ own: RegistryClient, seen: string[], mode: () => string }> {
  let mode = 'READWRITE'
  const stored = new Map<number, { id: number, schema: string }>()
  const { url, seen } = await play(t, (request, response) => {
    void (async () => {
      const body = await bodyOf(request)
      const reply = (status: number, answer: unknown) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      const path = request.url!
      const id = Number(/^\/schemas\/ids\/(\d+)$/.exec(path)?.[1])
      const version = Number(/^\/subjects\/s\/versions\/(\d+)$/.exec(path)?.[1])
      const byId = [...stored.values()].find(one => one.id === id)
      if (path === '/mode/s') {
        if (request.method === 'PUT') mode = String(body['mode'])
        reply(200, { mode })
      } else if (byId !== undefined) reply(200, { schema: byId.schema })
      else if (stored.has(version)) reply(200, { subject: 's', version, ...stored.get(version) })
      else if (path === '/subjects/s/versions' && request.method === 'POST') {
        if (refuse || mode !== 'IMPORT') {
          reply(422, { error_code: 42205, message: 'not in import mode' })
          return
        }
        // As Confluent's registry does: stored in a spelling of its own.
        const { type, name, fields } = JSON.parse(String(body['schema'])) as Record<string, unknown>
        stored.set(Number(body['version']), { id: Number(body['id']), schema: JSON.stringify({ type, name, fields }) })
        reply(200, { id: body['id'] })
      } else if (path === '/subjects/s/versions') reply(200, [...stored.keys()])
      else reply(404, { error_code: 40403, message: 'not found' })
    })()
  })
  return { own: createRegistryClient({ url }), seen, mode: () => mode }
}

const plain = '{"name":"alert","type":"record","fields":[{"name":"id","type":"long"}]}'

await t.test('where the registry has an IMPORT mode, the id goes in by it and the mode is put back', async t => {
  const { own, seen, mode } = await confluent(t)
  t.match(await own.register('s', plain, { id: 704 }), { id: 704, version: 704, created: true })
  t.equal(mode(), 'READWRITE')
  const written = seen.length
  t.match(await own.register('s', plain, { id: 704 }), { id: 704, created: false })
  t.notMatch(seen.slice(written).join('\n'), /PUT|POST/)
})

await t.test('the mode is put back when the import is refused, too', async t => {
  const { own, mode } = await confluent(t, true)
  await t.rejects(own.register('s', plain, { id: 704 }), { code: 'SCHEMA_ID_NOT_HONOURED', message: /not in import mode/ })
  t.equal(mode(), 'READWRITE')
})

await t.test('where a registry offers no way to choose the id, nothing is written', async t => {
  const { url, seen } = await play(t, (_request, response) => { response.writeHead(404).end('{"error_code":40401,"message":"not found"}') })
  await t.rejects(createRegistryClient({ url }).register('s', plain, { id: 704 }), { code: 'SCHEMA_ID_NOT_HONOURED', message: /no way to choose/ })
  t.notOk(seen.some(line => line.startsWith('POST') && line.endsWith('/versions')))
})
