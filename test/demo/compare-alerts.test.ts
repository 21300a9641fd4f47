import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { build } from '../../src/api/app.ts'
import { listen } from '../../src/api/listen.ts'
import { parseSchema } from '../../src/avro/index.ts'
import { compareAlerts } from '../../src/demo/compare-alerts.ts'
import { reportSmoke } from '../../src/demo/smoke.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import type { Source } from '../../src/pipeline/index.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../../src/stores/index.ts'
import { tempDir } from '../support/stack.ts'

const text = JSON.stringify({
  type: 'record', name: 'alert', fields: [{ name: 'diaSourceId', type: 'long' }, { name: 'note', type: 'string' }]
})
const schema = parseSchema(text)
const frameOf = (id: bigint, note = 'published'): Buffer => schema.encodeFramed(1, { diaSourceId: id, note })

function published (values: ReadonlyArray<Buffer | null>): Source<KafkaRecord> {
  return {
    kind: 'records',
    async * records () {
      for (const [index, value] of values.entries()) {
        const offset = BigInt(index)
        const record = { topic: 'simulated', partition: 0, offset, leaderEpoch: 0, timestamp: 0n, key: null, value, headers: [] }
        yield { value: record, bytes: 1, position: `simulated[0]@${index}` }
      }
    }
  }
}

/** Returns an archive with `frames`, and the URL of a real API that serves it. The objects of alerts in `damaged` are truncated. */
async function archiveOf (t: Test, frames: ReadonlyMap<bigint, Buffer>, damaged: readonly bigint[] = []) {
  const root = await tempDir(t)
  const store = await openStore(pathToFileURL(root).href)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  await archive.putSchema(1, text)
  for (const [id, frame] of frames) await archive.putAlert(String(id), await gzipFrame(frame), checksumsOf(frame))
  for (const id of damaged) {
    const path = join(root, 'v2/alerts', String(id).slice(0, 6), `${id}.avro.gz`)
    const bytes = await readFile(path)
    await writeFile(path, bytes.subarray(0, bytes.length - 9))
  }
  const app = build({ archive })
  const api = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return { archive, api }
}

const ids = Array.from({ length: 20 }, (_, index) => 1000n + BigInt(index))
const all = new Map(ids.map(id => [id, frameOf(id)] as const))

await t.test('finds no difference if the archive and the API return the published bytes', async t => {
  const { archive, api } = await archiveOf(t, all)
  const result = await compareAlerts(published([...all.values()]), archive, api)
  t.strictSame(result, { published: 20, archived: 20, served: 20, differ: 0, problems: [] })
})

await t.test('counts and describes missing, altered, damaged and duplicate alerts', async t => {
  const frames = new Map(all)
  frames.delete(1003n)
  frames.set(1005n, frameOf(1005n, 'altered'))
  const { archive, api } = await archiveOf(t, frames, [1007n])
  const result = await compareAlerts(published([...all.values(), frameOf(1000n)]), archive, api)
  t.match(result, { published: 21, archived: 19, served: 19, differ: 3 })
  t.strictSame(result.problems.filter(line => !/1007/.test(line)).sort(), [
    'alert 1000 was published twice',
    'alert 1003 is not in the archive',
    'alert 1003: the API returns 404',
    'alert 1005 differs from the published bytes in the archive and from the API'
  ])
  t.match(result.problems.filter(line => /1007/.test(line)).sort(), [
    /^alert 1007 cannot be read from the archive: OBJECT_CORRUPT/,
    /^alert 1007 differs .* in the archive$/,
    /^alert 1007: the API returns 500/
  ])
})

await t.test('reports an API that serves different bytes, records that are not alerts, and an unreachable API', async t => {
  const { archive, api } = await archiveOf(t, all)
  const wrongApi = createServer((request, response) => {
    if (request.url?.startsWith('/v1/schemas') === true) response.end(text)
    else response.end('something else')
  })
  wrongApi.listen(0, '127.0.0.1')
  await once(wrongApi, 'listening')
  t.teardown(() => { wrongApi.close() })
  const { port } = wrongApi.address() as AddressInfo
  const wrong = await compareAlerts(published([...all.values()]), archive, `http://127.0.0.1:${port}`)
  t.match(wrong, { published: 20, archived: 20, served: 20, differ: 20 })
  t.equal(wrong.problems.length, 10, 'only the first ten problems are described')
  const invalid = await compareAlerts(published([null, Buffer.from('{}'), frameOf(1000n)]), archive, api)
  t.match(invalid, { published: 3, archived: 1, served: 1, differ: 0, problems: [/^simulated\[0\]@0: /, /^simulated\[0\]@1: /] })
  const unreachable = await compareAlerts(published([frameOf(1000n)]), archive, 'http://127.0.0.1:9')
  t.match(unreachable, { published: 1, archived: 0, served: 0 })
  t.equal(unreachable.problems.length, 1)
})

await t.test('the smoke test passes only if every expected alert was published, archived and served unchanged', async t => {
  const good = { expected: 20, published: 20, archived: 20, served: 20, differ: 0, problems: [] }
  const lines: string[] = []
  const print = (line: string): void => { lines.push(line) }
  reportSmoke(good, '/state', print)
  t.strictSame(lines, ['smoke: 20 published, 20 archived, 20 served, 0 differ'])
  t.throws(() => { reportSmoke({ ...good, expected: 21 }, '/state', print) }, { code: 'SMOKE_FAILED' }, 'an alert was not published')
  for (const bad of [{ archived: 19 }, { served: 19 }, { differ: 1, problems: ['a problem'] }]) {
    t.throws(() => { reportSmoke({ ...good, ...bad }, '/state', print) }, { code: 'SMOKE_FAILED', where: '/state' })
  }
  t.ok(lines.includes('  a problem'))
})
