// serve --compat upstream, for a Python client that shares no code with this program and decompresses the bodies itself.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { sha256 } from '../../src/stores/checksums.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../../src/stores/index.ts'
import { generatorOf, surveySchema } from '../generator/support.ts'
import { runCli, startCli, tempDir, usePython } from '../support/stack.ts'
import { storeUrl } from './archive-support.ts'

const run = promisify(execFile)
const python = await usePython(t)
const root = await tempDir(t)
const store = await openStore(storeUrl(root))
const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
const expected: object[] = []
const ids: string[] = []
for (const [visit, [version, schemaId]] of ([['11.1', 1101], ['9.0', 900]] as const).entries()) {
  const schema = await surveySchema(version)
  const generator = await generatorOf(version)
  await archive.putSchema(schemaId, schema.text)
  for (let n = 0; n < 5; n++) {
    const alert = generator.alert(visit, n, 5)
    const frame = schema.encodeFramed(schemaId, alert)
    const gz = await gzipFrame(frame)
    const id = String(alert['diaSourceId'])
    await archive.putAlert(id, gz, checksumsOf(frame))
    ids.push(id)
    expected.push({
      id, status: 200, type: 'application/octet-stream', stored: sha256(gz), frame: sha256(frame), magic: 0, schema: schemaId,
      diaSourceId: id, cutout: 'SIMPLE', rest: 0
    })
  }
}

await t.test('a client that decompresses the body decodes every alert, and sees unknown and damaged alerts as errors', async t => {
  const server = startCli(t, ['serve', '--alert-store', storeUrl(root), '--listen-port', '0', '--compat', 'upstream'])
  const [, url = ''] = await server.waitFor(/^serving (http:\S+)\/v1\n/m)
  await store.put('v2/alerts/7/7.avro.gz', (await gzipFrame(Buffer.alloc(1000))).subarray(0, -1), {
    contentType: 'application/gzip', ...checksumsOf(Buffer.alloc(1000))
  })
  const { stdout } = await run(python, [join(import.meta.dirname, 'fetch_gunzip.py'), url, ...ids, '1', '7'])
  t.strictSame(stdout.trimEnd().split('\n').map(line => JSON.parse(line) as unknown), [
    ...expected,
    { id: '1', status: 404, detail: 'alert not found' },
    { id: '7', status: 500, detail: 'the stored object is damaged (OBJECT_CORRUPT)' }
  ])
})

await t.test('the default is dmtn-210, the graph tells the variants apart, and another variant is a usage error', async t => {
  const graph = async (env = {}) => (await runCli(['graph', 'serve'], { env })).stdout
  t.match(await graph(), /unless the client accepts gzip/)
  t.equal(await graph({ ALERT_STREAM_COMPAT: 'dmtn-210' }), await graph())
  t.match(await graph({ ALERT_STREAM_COMPAT: 'upstream' }), /only to verify: the stored gzip is sent/)
  t.match(await runCli(['serve', '--compat', 'v1']), { code: 2, stderr: /^USAGE_BAD_VALUE: --compat is 'v1', .*dmtn-210, upstream/ })
})
