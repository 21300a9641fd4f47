// Uses a real schema registry. Small HTTP servers simulate failures, servers that are not registries, and Confluent's IMPORT mode.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { compactJson } from '../../src/avro/schema-json.ts'
import { createRegistryClient, fetchSchemaPackage, loadSchemaPackage, parseSchema, type RegistryClient } from '../../src/avro/index.ts'
import { otherSpelling } from './support.ts'
import { cache, uniqueName, useStack } from '../support/stack.ts'

const { registry } = await useStack(t)
const client = createRegistryClient({ url: registry })
// The registry is shared with other tests, so schema texts and ids must be unique. New schemas get the ids that follow the last
// imported id. Therefore the ids that tests import are far apart.
let next = 1_000_000 + Math.floor(Math.random() * 1_000_000_000)
const freshId = (): number => (next += 10_000)
const freshSchema = (): string => compactJson(`{
  "type": "record", "name": "alert", "namespace": "test", "doc": "spaces  kept",
  "fields": [
    {"name": "${uniqueName('f').replaceAll('-', '_')}", "type": "long", "doc": "a doc"},
    {"name": "n", "type": "int", "default": 1}
  ]
}`)

/** Returns the registry's response for a version of a subject. */
async function registered (subject: string, version: number | 'latest' = 'latest'): Promise<{ id: number, schema: string }> {
  const response = await fetch(`${registry}/subjects/${subject}/versions/${version}`)
  return await response.json() as { id: number, schema: string }
}

async function fakeServer (t: Test, listener: RequestListener): Promise<{ url: string, seen: string[] }> {
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

await t.test('a response that is not UTF-8 is reported, and not changed into a schema with replacement characters', async t => {
  const text = Buffer.from(JSON.stringify({ schema: '{"type":"long","doc":"caf\u00e9"}' }), 'latin1')
  const { url } = await fakeServer(t, ({ url }, response) => {
    response.setHeader('content-type', 'application/json').end(url === '/subjects' ? '[]' : text)
  })
  const client = createRegistryClient({ url, attempts: 1 })
  await t.rejects(client.schemaById(7), { code: 'UNKNOWN_SCHEMA', message: /id 7.* is not UTF-8: .*caf/ })
  await t.rejects(client.versions('s'), { code: 'NOT_A_REGISTRY', message: /is not UTF-8/ })
})

await t.test('registers a schema once and returns its text unchanged', async t => {
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
  t.equal((await registered(subject)).id, second.id)
})

await t.test('registers a schema under an explicit id; a repeated call creates nothing', async t => {
  const subject = uniqueName('avro')
  const [low, high] = [freshId(), freshId()]
  const [older, newer] = [freshSchema(), freshSchema()]
  t.match(await client.register(subject, newer, { id: high }), { id: high, text: newer, created: true })
  t.match(await client.register(subject, newer, { id: high }), { id: high, created: false })
  t.match(await client.register(subject, older, { id: low }), { id: low, text: older, created: true })
  t.equal((await registered(subject)).id, high, 'the latest version of the subject is still the schema with the higher id')
  t.same(await client.versions(subject), [low, high])
  t.equal(await client.schemaById(low), older)
})

await t.test('keeps the other schemas of the subject when registering under an explicit id', async t => {
  const subject = uniqueName('avro')
  const before = await client.register(subject, freshSchema())
  const id = freshId()
  await client.register(subject, freshSchema(), { id })
  t.same(await client.versions(subject), [1, id])
  t.match(await registered(subject, 1), { id: before.id, schema: before.text })
  t.equal((await registered(subject)).id, id)
})

await t.test('changes nothing if the id belongs to another schema or the schema has another id', async t => {
  const subject = uniqueName('avro')
  const id = freshId()
  const text = freshSchema()
  await client.register(subject, text, { id })
  await t.rejects(
    client.register(subject, freshSchema(), { id }), { code: 'SCHEMA_ID_NOT_HONOURED', message: /already belongs to another schema/ }
  )
  await t.rejects(client.register(uniqueName('avro'), freshSchema(), { id }), { code: 'SCHEMA_ID_NOT_HONOURED' })
  await t.rejects(client.register(subject, text, { id: freshId() }), { code: 'SCHEMA_ID_NOT_HONOURED', message: new RegExp(`as id ${id}`) })
  await t.rejects(client.register(subject, text, { id: 0 }), { code: 'SCHEMA_ID_NOT_HONOURED' })
  t.same(await client.versions(subject), [id])
  t.equal((await registered(subject)).schema, text)
})

await t.test('rejects a second id for a schema that another subject has, and leaves the new subject usable', async t => {
  const text = freshSchema()
  const { id } = await client.register(uniqueName('avro'), text)
  const subject = uniqueName('avro')
  await t.rejects(
    client.register(subject, text, { id: freshId() }), { code: 'SCHEMA_ID_NOT_HONOURED', message: /under another id; nothing was changed/ }
  )
  t.same(await client.versions(subject), [])
  t.match(await client.register(subject, text, { id }), { subject, id, text, created: true })
})

await t.test('registers the survey schemas unchanged', async t => {
  const survey = await loadSchemaPackage(await fetchSchemaPackage({ cacheDir: cache().cacheDir }))
  const subject = uniqueName('avro')
  for (const { text } of survey.versions) t.equal((await client.register(subject, text)).text, text)
  t.equal((await registered(subject)).schema, survey.latest.text)
  t.equal((await client.versions(subject)).length, survey.versions.length)
})

await t.test('reports an incompatible schema with the message of the registry', async t => {
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

await t.test('reports unknown ids and subjects as unknown, not as unavailable', async t => {
  await t.rejects(client.schemaById(2_147_000_000), { code: 'UNKNOWN_SCHEMA', retryable: false, where: /schemas\/ids\/2147000000/ })
  const { url } = await fakeServer(t, (_request, response) => {
    response.writeHead(404).end('{"error_code":40401,"message":"no subject"}')
  })
  await t.rejects(createRegistryClient({ url }).setCompatibility('s', 'FULL'), { code: 'UNKNOWN_SUBJECT', where: /PUT .*config.s$/ })
  t.same(await client.versions(uniqueName('none')), [])
})

await t.test('shares one request among concurrent lookups of an id and caches the result', async t => {
  const { url, seen } = await fakeServer(t, (_request, response) => {
    setImmediate(() => response.setHeader('content-type', 'application/json').end('{"schema":"\\"long\\""}'))
  })
  const own = createRegistryClient({ url: `${url}/` })
  const texts = await Promise.all(Array.from({ length: 50 }, () => own.schemaById(7)))
  t.ok(texts.every(text => text === '"long"'))
  await own.schemaById(7)
  t.same(seen, ['GET /schemas/ids/7'])
})

await t.test('caches an unknown id for a limited time', async t => {
  let known = false
  const { url, seen } = await fakeServer(t, (_request, response) => {
    if (known) response.end('{"schema":"\\"long\\""}')
    else response.writeHead(404).end('{"error_code":40403,"message":"Schema not found"}')
  })
  const caching = createRegistryClient({ url, unknownForMs: 600_000 })
  await t.rejects(caching.schemaById(7), { code: 'UNKNOWN_SCHEMA' })
  await t.rejects(caching.schemaById(7), { code: 'UNKNOWN_SCHEMA' })
  t.equal(seen.length, 1)
  const uncached = createRegistryClient({ url, unknownForMs: 0 })
  await t.rejects(uncached.schemaById(7), { code: 'UNKNOWN_SCHEMA' })
  known = true
  t.equal(await uncached.schemaById(7), '"long"')
})

await t.test('after the configured number of attempts, reports a registry that is down, failing or unresponsive', async t => {
  const options = { attempts: 2 }
  const down = createRegistryClient({ url: 'http://127.0.0.1:1', ...options })
  const calls: Array<() => Promise<unknown>> = [
    () => down.schemaById(1), () => down.check(), () => down.idOf('s', freshSchema()), () => down.register('s', freshSchema())
  ]
  for (const attempt of calls) {
    await t.rejects(attempt(), { code: 'REGISTRY_UNAVAILABLE', retryable: true, where: /http:\/\/127\.0\.0\.1:1/ })
  }
  const failing = await fakeServer(t, (_request, response) => { response.writeHead(503).end('<html>busy</html>') })
  const busy = createRegistryClient({ url: failing.url, ...options })
  await t.rejects(busy.schemaById(1), { code: 'REGISTRY_UNAVAILABLE', message: /503/ })
  t.equal(failing.seen.length, 2)
  await t.rejects(busy.idOf('s', freshSchema()), { code: 'REGISTRY_UNAVAILABLE' })
  t.equal(failing.seen.length, 4)
  const silent = await fakeServer(t, () => {})
  const waiting = createRegistryClient({ url: silent.url, ...options, attempts: 1, timeoutMs: 50 })
  await t.rejects(waiting.schemaById(1), { code: 'REGISTRY_UNAVAILABLE', message: /within 50 ms/ })
  await t.rejects(waiting.idOf('s', freshSchema()), { code: 'REGISTRY_UNAVAILABLE', message: /[Tt]imeout/ })
})

await t.test('a request succeeds if the registry recovers before the last attempt', async t => {
  let requests = 0
  const { url } = await fakeServer(t, (_request, response) => {
    if (++requests < 3) response.writeHead(502).end()
    else response.end('{"schema":"\\"long\\""}')
  })
  t.equal(await createRegistryClient({ url }).schemaById(7), '"long"')
})

await t.test('reports a server that is not a schema registry', async t => {
  const origin = new URL(registry).origin
  await t.rejects(createRegistryClient({ url: origin }).schemaById(1), { code: 'NOT_A_REGISTRY', retryable: false })
  await t.rejects(createRegistryClient({ url: origin }).check(), { code: 'NOT_A_REGISTRY' })
  const page = await fakeServer(t, (_request, response) => { response.setHeader('content-type', 'text/html').end('<html>hello</html>') })
  await t.rejects(createRegistryClient({ url: page.url }).schemaById(1), { code: 'NOT_A_REGISTRY', message: /hello/ })
  for (const body of ['', 'null', '"text"', '{"schema":{"type":"long"}}', '{"schema":"{\\"type\\":"}']) {
    const odd = await fakeServer(t, (_request, response) => { response.end(body) })
    const client = createRegistryClient({ url: odd.url })
    await t.rejects(client.schemaById(1), { code: 'NOT_A_REGISTRY' }, `200 with ${body}`)
    await t.rejects(client.schemaById(1), { code: 'NOT_A_REGISTRY' }, 'the response is not cached')
    t.strictSame(odd.seen, ['GET /schemas/ids/1', 'GET /subjects', 'GET /schemas/ids/1', 'GET /subjects'])
  }
  const guarded = await fakeServer(t, (_request, response) => { response.writeHead(401).end('{"message":"who are you"}') })
  await t.rejects(createRegistryClient({ url: guarded.url }).schemaById(1), { code: 'REGISTRY_REFUSED', message: /401.*who are you/ })
})

await t.test('a bad response for one id makes this id unknown for a limited time, if the registry still returns the last one', async t => {
  const schema = '{"schema":"\\"long\\""}'
  const answers: Record<string, readonly [number, string]> = { '/schemas/ids/1': [200, schema], '/schemas/ids/2': [404, 'no JSON'] }
  const { url, seen } = await fakeServer(t, (request, response) => {
    const [status, body] = answers[request.url!] ?? [500, '']
    response.writeHead(status).end(body)
  })
  const own = createRegistryClient({ url, attempts: 1, unknownForMs: 600_000 })
  await t.rejects(own.schemaById(2), { code: 'NOT_A_REGISTRY' }, 'no schema was read, and /subjects fails')
  t.equal(await own.schemaById(1), '"long"')
  const before = seen.length
  await t.rejects(own.schemaById(2), { code: 'UNKNOWN_SCHEMA', retryable: false, message: /id 2; it returned 404: no JSON/ })
  await t.rejects(own.schemaById(2), { code: 'UNKNOWN_SCHEMA' })
  t.strictSame(seen.slice(before), ['GET /schemas/ids/2', 'GET /schemas/ids/1'], 'the unknown id is cached')
  await t.rejects(own.schemaById(3), { code: 'UNKNOWN_SCHEMA', message: /returned 500/ })
  answers['/schemas/ids/1'] = [200, '<html>']
  await t.rejects(own.schemaById(4), { code: 'REGISTRY_UNAVAILABLE', retryable: true })
  answers['/schemas/ids/1'] = [200, schema]
  for (const status of [429, 502, 503, 504]) {
    answers[`/schemas/ids/${status}`] = [status, '']
    await t.rejects(own.schemaById(status), { code: 'REGISTRY_UNAVAILABLE', retryable: true }, 'these statuses are not about the id')
  }
  answers['/schemas/ids/401'] = [401, '']
  await t.rejects(own.schemaById(401), { code: 'REGISTRY_REFUSED' })
})

await t.test('ids above 2^31-1 are unknown without a request', async t => {
  const { url, seen } = await fakeServer(t, (_request, response) => { response.end('[]') })
  for (const id of [2 ** 31, 2 ** 32 - 1]) await t.rejects(createRegistryClient({ url }).schemaById(id), { code: 'UNKNOWN_SCHEMA' })
  t.strictSame(seen, [])
  await t.rejects(client.schemaById(2 ** 31), { code: 'UNKNOWN_SCHEMA' })
})

/** Registers a schema that refers to other schemas. Returns its id. */
async function registerReferring (subject: string, schema: object, references: object[] = []): Promise<number> {
  const response = await fetch(`${registry}/subjects/${subject}/versions`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ schema: JSON.stringify(schema), references })
  })
  const { id } = await response.json() as { id: number }
  return id
}

await t.test('includes the types of referenced schemas, also of their references', async t => {
  const [inner, middle, outer] = [uniqueName('inner'), uniqueName('middle'), uniqueName('outer')]
  const namespace = `n${uniqueName('x').replaceAll('-', '_')}`
  const field = { name: 'x', type: 'long', default: 1, doc: 'kept' }
  await registerReferring(inner, { type: 'record', name: 'Inner', namespace, fields: [field] })
  const reference = (name: string, subject: string) => ({ name: `${namespace}.${name}`, subject, version: 1 })
  await registerReferring(middle, { type: 'record', name: `${namespace}.Middle`, fields: [{ name: 'inner', type: 'Inner' }] }, [
    reference('Inner', inner)
  ])
  const fields = [
    { name: 'id', type: 'long' }, { name: 'inner', type: ['null', `${namespace}.Inner`], default: null }, { name: 'middle', type: 'Middle' }
  ]
  const id = await registerReferring(outer, { type: 'record', name: 'Outer', namespace, doc: 'kept', fields }, [
    reference('Inner', inner), reference('Middle', middle)
  ])
  const text = await client.schemaById(id)
  const name = `${namespace}.Inner`
  t.strictSame(JSON.parse(text), {
    type: 'record', name: 'Outer', namespace, doc: 'kept',
    fields: [
      { name: 'id', type: 'long' },
      { name: 'inner', type: ['null', { type: 'record', name: 'Inner', namespace, fields: [field] }], default: null },
      { name: 'middle', type: { type: 'record', name: `${namespace}.Middle`, fields: [{ name: 'inner', type: name }] } }
    ]
  })
  t.equal(parseSchema(text).name, `${namespace}.Outer`)
  t.strictSame(await client.findId(outer, text), { id, exact: false })
})

await t.test('an id whose references cannot be resolved is unknown', async t => {
  const referring = (type: string, references: unknown) =>
    JSON.stringify({ schema: JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'f', type }] }), references })
  const bodies: Record<string, string> = {
    '/subjects': '[]', '/schemas/ids/1': referring('Missing', [{ name: 'Missing', subject: 'gone', version: 1 }]),
    '/schemas/ids/2': referring('Missing', [{ name: 'X', subject: 's', version: 1 }]),
    '/schemas/ids/3': referring('Loop', [{ name: 'Loop', subject: 'loop', version: 1 }]),
    '/subjects/s/versions/1': referring('int', []),
    '/subjects/loop/versions/1': JSON.stringify({
      schema: '{"type":"fixed","name":"Loop","size":1}', references: [{ name: 'Loop', subject: 'loop', version: 1 }]
    })
  }
  const { url } = await fakeServer(t, (request, response) => {
    response.writeHead(bodies[request.url!] === undefined ? 404 : 200).end(bodies[request.url!] ?? '{"error_code":40402}')
  })
  const own = createRegistryClient({ url })
  await t.rejects(own.schemaById(1), { code: 'UNKNOWN_SCHEMA', where: /subjects.gone.versions.1/ })
  await t.rejects(own.schemaById(2), { code: 'UNKNOWN_SCHEMA', message: /references of schema 2 cannot be resolved.*Missing/ })
  t.match(await own.schemaById(3), /"type":\{"type":"fixed","name":"Loop","size":1\}/)
})

await t.test('registers a schema that avsc does not accept', async t => {
  const subject = uniqueName('avro')
  const text = freshSchema().replace('"type":"int","default":1', '"type":["float","null"],"default":null')
  const { id } = await client.register(subject, text)
  t.equal(await client.schemaById(id), text)
})

await t.test('finds the id of a schema that the subject has in another spelling', async t => {
  const subject = uniqueName('avro')
  const text = freshSchema()
  const { id } = await client.register(subject, otherSpelling(text))
  await client.register(subject, freshSchema())
  t.equal(await client.idOf(subject, text), undefined)
  t.strictSame(await client.findId(subject, text), { id, exact: false })
  t.equal(await client.findId(subject, freshSchema()), undefined)
  const exact = await client.register(subject, text)
  t.strictSame(await client.findId(subject, text), { id: exact.id, exact: true })
})

await t.test('uses an explicit id that has the schema in another spelling', async t => {
  const [first, second] = [uniqueName('avro'), uniqueName('avro')]
  const id = freshId()
  const text = freshSchema()
  const spelling = otherSpelling(text)
  await client.register(first, spelling, { id })
  t.match(await client.register(first, text, { id }), { id, text: spelling, created: false })
  t.match(await client.register(second, text, { id }), { subject: second, id, text: spelling, created: true })
  t.strictSame(await client.versions(first), [id])
  await t.rejects(client.register(first, text.replace('"int"', '"long"'), { id }), { code: 'SCHEMA_ID_NOT_HONOURED' })
})

await t.test('does not treat an id as free because the registry cannot return its schema', async t => {
  const { url, seen } = await fakeServer(t, (request, response) => {
    if (request.url === '/subjects') response.end('[]')
    else response.writeHead(500).end('{"error_code":50001}')
  })
  await t.rejects(createRegistryClient({ url, attempts: 1 }).register('s', freshSchema(), { id: 704 }), { code: 'REGISTRY_UNAVAILABLE' })
  t.notMatch(seen.join('\n'), /PUT|POST/)
})

/** Simulates Confluent's registry and the registry modes that Confluent documents. */
async function confluent (t: Test, rejects = false): Promise<{ own: RegistryClient, seen: string[], mode: () => string }> {
  let mode = 'READWRITE'
  const stored = new Map<number, { id: number, schema: string }>()
  const { url, seen } = await fakeServer(t, (request, response) => {
    void (async () => {
      const body = await bodyOf(request)
      const reply = (status: number, body: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      }
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
        if (rejects || mode !== 'IMPORT') {
          reply(422, { error_code: 42205, message: 'not in import mode' })
          return
        }
        // Re-serializes the schema, like Confluent's registry.
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

await t.test('uses IMPORT mode for an explicit id and restores the mode', async t => {
  const { own, seen, mode } = await confluent(t)
  t.match(await own.register('s', plain, { id: 704 }), { id: 704, version: 704, created: true })
  t.equal(mode(), 'READWRITE')
  const written = seen.length
  t.match(await own.register('s', plain, { id: 704 }), { id: 704, created: false })
  t.notMatch(seen.slice(written).join('\n'), /PUT|POST/)
})

await t.test('restores the mode if the import is rejected', async t => {
  const { own, mode } = await confluent(t, true)
  await t.rejects(own.register('s', plain, { id: 704 }), { code: 'SCHEMA_ID_NOT_HONOURED', message: /not in import mode/ })
  t.equal(mode(), 'READWRITE')
})

await t.test('writes nothing if the registry does not accept explicit ids', async t => {
  const { url, seen } = await fakeServer(
    t, (_request, response) => { response.writeHead(404).end('{"error_code":40401,"message":"not found"}') }
  )
  await t.rejects(
    createRegistryClient({ url }).register('s', plain, { id: 704 }),
    { code: 'SCHEMA_ID_NOT_HONOURED', message: /does not accept explicit ids/ }
  )
  t.notOk(seen.some(line => line.startsWith('POST') && line.endsWith('/versions')))
})
