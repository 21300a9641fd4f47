// The smoke test: what it prints and leaves, and that it finds what is wrong.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { build } from '../../src/api/app.ts'
import { listen } from '../../src/api/listen.ts'
import { parseSchema } from '../../src/avro/index.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import { compareAll, isWell, smokeLine } from '../../src/demo/smoke.ts'
import type { Source } from '../../src/pipeline/index.ts'
import { createArchive, crc32c, gzipFrame, openStore } from '../../src/stores/index.ts'
import { runCli, tempDir } from '../support/stack.ts'
import { exists, launch, leftovers, partsOf } from './demo-support.ts'

const text = '{"type":"record","name":"alert","fields":[{"name":"diaSourceId","type":"long"},{"name":"note","type":"string"}]}'
const schema = parseSchema(text)
const frameOf = (id: bigint, note = 'published'): Buffer => schema.encodeFramed(1, { diaSourceId: id, note })

function published (values: readonly (Buffer | null)[]): Source<KafkaRecord> {
  return {
    kind: 'records',
    async * records () {
      for (const [index, value] of values.entries()) {
        const record = { topic: 'simulated', partition: 0, offset: BigInt(index), timestamp: 0n, key: null, value, headers: [] }
        yield { value: record, bytes: 1, position: `simulated[0]@${index}` }
      }
    }
  }
}

/** An archive of these alerts (each possibly not the frame that was published) behind a real API. */
async function archiveOf (t: Test, frames: ReadonlyMap<bigint, Buffer>, damaged: readonly bigint[] = []) {
  const root = await tempDir(t)
  const store = await openStore(pathToFileURL(root).href)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  await archive.putSchema(1, text)
  for (const [id, frame] of frames) await archive.putAlert(String(id), await gzipFrame(frame), crc32c(frame))
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

await t.test('an archive and API that have what was published are well', async t => {
  const { archive, api } = await archiveOf(t, all)
  const result = await compareAll(published([...all.values()]), archive, api)
  t.strictSame(result, { published: 20, archived: 20, served: 20, differ: 0, problems: [] })
  t.ok(isWell(result, 20))
  t.notOk(isWell(result, 21), 'one alert was not published')
  t.equal(smokeLine(result), 'smoke: 20 published, 20 archived, 20 served, 0 differ\n')
})

await t.test('a missing, an altered, a damaged and a doubled alert are each counted and named', async t => {
  const frames = new Map(all)
  frames.delete(1003n)
  frames.set(1005n, frameOf(1005n, 'altered'))
  const { archive, api } = await archiveOf(t, frames, [1007n])
  const result = await compareAll(published([...all.values(), frameOf(1000n)]), archive, api)
  t.match(result, { published: 21, archived: 19, served: 19, differ: 3 })
  t.notOk(isWell(result, 20))
  t.strictSame(result.problems.filter(line => !/1007/.test(line)).sort(), [
    'alert 1000 was published twice',
    'alert 1003 is not in the archive',
    'alert 1003: the API answers 404',
    'alert 1005 differs from what was published: in the archive and from the API'
  ])
  t.match(result.problems.filter(line => /1007/.test(line)).sort(), [/^alert 1007 differs .*: in the archive$/, /^alert 1007 in the archive: OBJECT_CORRUPT/, /^alert 1007: the API answers 500/])
})

await t.test('an API that serves something else, no alerts at all, and no API are found', async t => {
  const { archive, api } = await archiveOf(t, all)
  const liar = createServer((request, response) => {
    if (request.url?.startsWith('/v1/schemas') === true) response.end(text)
    else response.end('something else')
  })
  liar.listen(0, '127.0.0.1')
  await once(liar, 'listening')
  t.teardown(() => { liar.close() })
  const lied = await compareAll(published([...all.values()]), archive, `http://127.0.0.1:${(liar.address() as AddressInfo).port}`)
  t.match(lied, { published: 20, archived: 20, served: 20, differ: 20 })
  t.equal(lied.problems.length, 10, 'the first few')
  const odd = await compareAll(published([null, Buffer.from('{}'), frameOf(1000n)]), archive, api)
  t.match(odd, { published: 3, archived: 1, served: 1, differ: 0, problems: [/^simulated\[0\]@0: /, /^simulated\[0\]@1: /] })
  const gone = await compareAll(published([frameOf(1000n)]), archive, 'http://127.0.0.1:9')
  t.match(gone, { published: 1, archived: 0, served: 0 })
  t.equal(gone.problems.length, 1)
})

await t.test('a folder that holds other things than a smoke test\'s is not emptied', async t => {
  const folder = join(await tempDir(t), 'mine')
  await mkdir(folder)
  await writeFile(join(folder, 'precious'), 'kept')
  const { code, stderr } = await runCli(['demo', '--smoke', '--state-dir', folder])
  t.equal(code, 1)
  t.match(stderr, /^DEMO_FOLDER: /m)
  t.equal(await readFile(join(folder, 'precious'), 'utf8'), 'kept')
  t.notOk(await exists(join(folder, 'demo.lock')))
})

for (const [title, ...more] of [['npm run smoke'], ['npm run smoke -- --secure', '--secure']] as const) await t.test(`${title} ends with its line and 0, and leaves neither process nor folder`, async t => {
  const stateDir = join(await tempDir(t), 'smoke')
  const smoke = launch(t, 'npm', ['run', 'smoke', '--', '--alerts', '40', '--port', '0', '--state-dir', stateDir, ...more], stateDir)
  await smoke.waitFor(/^Archive /m)
  const parts = await partsOf(stateDir)
  t.equal(parts.size, 5)
  t.equal(await smoke.finished, 0, smoke.stdout + smoke.stderr)
  t.equal(smoke.stdout.trimEnd().split('\n').at(-1), 'smoke: 40 published, 40 archived, 40 served, 0 differ')
  t.notOk(await exists(stateDir))
  t.strictSame(await leftovers(stateDir, parts), [])
})
