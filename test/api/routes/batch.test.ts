import t, { type Test } from 'tap'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build, type ApiOptions } from '../../../src/api/app.ts'
import { openContainer } from '../../../src/avro/container-reader.ts'
import { parseSchema } from '../../../src/avro/schema.ts'
import { createArchive } from '../../../src/stores/archive.ts'
import { checksumsOf } from '../../../src/stores/checksums.ts'
import { openFileStore } from '../../../src/stores/file-store.ts'
import { gzipFrame } from '../../../src/stores/gzip.ts'
import { alertKey } from '../../../src/stores/layouts.ts'
import { tempDir } from '../../support/stack.ts'

const schemaText = '{"type":"record","name":"alert","fields":[{"name":"diaSourceId","type":"long"},{"name":"data","type":"bytes"}]}'
const schema = parseSchema(schemaText)

function frameOf (id: string, schemaId = 7, bytes = 10): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(schemaId, 1)
  return Buffer.concat([header, schema.encode({ diaSourceId: BigInt(id), data: Buffer.alloc(bytes, 1) })])
}

async function apiOf (t: Test, options: Partial<ApiOptions> = {}) {
  const root = join(await tempDir(t), 'archive')
  await mkdir(root)
  const store = await openFileStore(root)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  await archive.putSchema(7, schemaText)
  const app = build({ archive, pressure: false, ...options })
  t.teardown(() => app.close())
  const put = async (id: string, frame = frameOf(id)) => { await archive.putAlert(id, await gzipFrame(frame), checksumsOf(frame)) }
  const post = async (ids: unknown, accept?: string) =>
    await app.inject({ method: 'POST', url: '/v1/alerts/batch', payload: { ids }, headers: accept === undefined ? {} : { accept } })
  return { app, archive, root, put, post }
}

await t.test('answers with one line for each id, in the order of the request, and reports missing and damaged alerts', async t => {
  const { put, post, root } = await apiOf(t)
  for (const id of ['1', '2', '9223372036854775807']) await put(id)
  await writeFile(join(root, alertKey('v2', '2')), 'damaged')
  const response = await post(['9223372036854775807', '5', 'LSST-AP-DS-1', '2', '1', '0001'])
  t.equal(response.statusCode, 200)
  t.match(response.headers, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store', vary: 'Accept' })
  t.strictSame(response.body.split('\n').slice(0, -1).map(line => JSON.parse(line) as unknown), [
    { id: '9223372036854775807', found: true, alert: frameOf('9223372036854775807').toString('base64') },
    { id: '5', found: false },
    { id: '1', found: true, alert: frameOf('1').toString('base64') },
    { id: '2', found: true, error: 'OBJECT_CORRUPT' }
  ])
})

await t.test('answers with an Avro object container file of the alerts that have the schema of the first one', async t => {
  const { put, post } = await apiOf(t)
  for (const id of ['1', '2', '3', '4']) await put(id, frameOf(id, id === '3' ? 8 : 7, 200_000))
  const response = await post(['4', '6', '3', '1', '2'], 'application/avro')
  t.match(response.headers, { 'content-type': 'application/avro' })
  const path = join(await tempDir(t), 'batch.avro')
  await writeFile(path, response.rawPayload)
  const file = await openContainer(path)
  const ids: unknown[] = []
  for await (const { value } of file.records() as AsyncIterable<{ value: { diaSourceId: bigint } }>) ids.push(value.diaSourceId)
  await file.close()
  t.strictSame(ids, [4n, 1n, 2n])
  const none = await post(['6'], 'application/avro')
  t.strictSame([none.statusCode, none.json()], [404, { detail: 'none of the alerts is archived' }])
})

await t.test('rejects requests that are invalid or too large', async t => {
  const { app, post } = await apiOf(t, { limits: { batch: 3 } })
  for (const [ids, detail] of [
    [[], /ids must NOT have fewer than 1 items/], [['1', '2', '3', '4'], /ids must NOT have more than 3 items/],
    [['x'], /ids\.0.*decimal digits/],
    [[170028518906855444], /must be strings/], [[null], /must be strings/],
    ['1', /must be an array/], [['1', true], /must be strings/],
    [undefined, /required/], [["1'; DROP TABLE x"], /ids\.0/]
  ] as const) {
    const response = await post(ids)
    t.strictSame([response.statusCode, typeof response.json().detail], [400, 'string'])
    t.match(response.json(), { detail })
  }
  const large = await post(Array.from({ length: 300 }, () => '1'))
  t.strictSame([large.statusCode, large.json()], [413, { detail: 'the request body is too large' }])
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const other = await app.inject({ method: 'POST', url: '/v1/alerts/batch', payload: 'ids=1', headers: form })
  t.equal(other.statusCode, 415)
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'] as const) {
    const response = await app.inject({ method, url: '/v1/alerts/batch' })
    t.strictSame([response.statusCode, response.headers['allow']], [405, 'POST, OPTIONS'])
  }
})

await t.test('reads the archive only as fast as the client reads, and sends a bounded number of batches at the same time', async t => {
  const { app, archive } = await apiOf(t, { limits: { batches: 1 } })
  let reads = 0
  const frame = frameOf('1', 7, 1_000_000)
  archive.getAlert = async () => { reads++; return frame }
  const url = await app.listen({ port: 0 })
  const body = JSON.stringify({ ids: Array.from({ length: 500 }, (_, n) => String(n)) })
  const sent = httpRequest(`${url}/v1/alerts/batch`, { method: 'POST', headers: { 'content-type': 'application/json' } })
  sent.end(body)
  const [response] = await once(sent, 'response') as [IncomingMessage]
  response.pause()
  let before = -1
  while (before !== reads) {
    before = reads
    await sleep(200)
  }
  t.ok(reads < 100, `${reads} alerts were read for a client that reads nothing`)
  const second = await fetch(`${url}/v1/alerts/batch`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  t.strictSame([second.status, second.headers.get('retry-after')], [429, '1'])
  await second.body?.cancel()
  sent.destroy()
  archive.getAlert = async () => frameOf('1')
  const third = await fetch(`${url}/v1/alerts/batch`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"ids":["1"]}'
  })
  t.equal(third.status, 200, 'the client that disconnected has freed its place')
  await third.body?.cancel()
})

await t.test('cuts the response if the archive fails, and answers with 503 if it fails at once', async t => {
  const { app, archive, post } = await apiOf(t)
  archive.getAlert = async () => { throw Object.assign(new Error('away'), { code: 'X' }) }
  t.equal((await post(['1'])).statusCode, 500)
  archive.getAlert = async id => {
    if (id === '9') throw new Error('away')
    return frameOf(id)
  }
  const url = await app.listen({ port: 0 })
  const response = await fetch(`${url}/v1/alerts/batch`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ids: ['1', '2', '9', '3'] })
  })
  t.equal(response.status, 200)
  await t.rejects(response.text(), 'the client sees that the response is incomplete')
})
