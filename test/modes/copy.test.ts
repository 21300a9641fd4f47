// copy between folders: layouts, nights, problems, and repeated runs.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { sha256 } from '../../src/stores/checksums.ts'
import { gzipFrame } from '../../src/stores/index.ts'
import { alertKey, schemaKey } from '../../src/stores/layouts.ts'
import { runCli } from '../support/stack.ts'
import { copy, folder, frameOf, idsOf, metaOf, objectOf, objectsIn, schemaId, schemaText } from './copy-support.ts'

const night = '20260224'
const ids = idsOf(night, 60)
const otherNight = idsOf('20260225', 20)
const unpacked = ['7', '123456', '1234567', '9223372036854775807']
const all = [...ids, ...otherNight, ...unpacked]
const objects = new Map(await Promise.all(all.map(async (id, n) => [id, await objectOf(frameOf(id), BigInt(n))] as const)))

async function write (root: string, key: string, body: Buffer | string): Promise<void> {
  await mkdir(dirname(join(root, key)), { recursive: true })
  await writeFile(join(root, key), body)
}

/** A folder with an archive in layout v2. */
async function source (t: Parameters<typeof folder>[0], chosen = all) {
  const from = await folder(t)
  for (const id of chosen) await from.store.put(alertKey('v2', id), objects.get(id)!, metaOf(frameOf(id)))
  await write(from.root, schemaKey('v2', schemaId), schemaText)
  return from
}

await t.test('from v2 to v3: copies all objects with unchanged bytes, and a second run finds them all present', async t => {
  const from = await source(t)
  const to = await folder(t)
  const args = ['--from', from.url, '--to', to.url, '--layout', 'v3']
  const first = await copy(args)
  t.match(first, { code: 0, stderr: '', report: {
    problems: [], complete: true, from: { alerts: from.url, schemas: from.url }, to: { alerts: to.url }, layout: 'v3', night: null,
    copied: all.length, copiedSchemas: 1, present: 0, different: 0, damaged: 0, missing: 0, ignored: 0
  } })
  t.strictSame(await objectsIn(to.store), new Map([
    ...all.map(id => [alertKey('v3', id), objects.get(id)!] as const), [schemaKey('v3', schemaId), Buffer.from(schemaText)] as const
  ].sort(([a], [b]) => a < b ? -1 : 1)))
  for (const more of [[], ['--compare']]) {
    t.match(await copy([...args, ...more]), { code: 0, report: {
      problems: [], complete: true, copied: 0, copiedSchemas: 0, copiedBytes: 0, present: all.length + 1
    } })
  }
})

await t.test('in one store: from v2 to v3, with both layouts afterwards', async t => {
  const from = await source(t)
  const args = ['--from', from.url, '--to', from.url, '--layout', 'v3']
  t.match(await copy(args), { code: 0, report: { copied: all.length, copiedSchemas: 1, present: 0 } })
  t.match(await copy(args), { code: 0, report: { copied: 0, copiedSchemas: 0, present: all.length + 1 } })
  const keys = [...(await objectsIn(from.store)).keys()]
  for (const layout of ['v2', 'v3'] as const) t.equal(keys.filter(key => key.startsWith(`${layout}/`)).length, all.length + 1)
})

await t.test('--night copies the alerts of this night from every layout, and all schemas', async t => {
  for (const layout of ['v1', 'v2', 'v3'] as const) {
    const from = await folder(t)
    // In layout v3, these ids of the night are not in a folder of the night, because the camera has no such detector.
    const noDetector = [205, 255].map(detector => String(((BigInt(ids[0]!) >> 27n << 8n) + BigInt(detector)) << 19n))
    for (const id of [...all, ...noDetector, '1', String(BigInt(ids[0]!) / 10n)]) {
      await from.store.put(alertKey(layout, id), await gzipFrame(frameOf(id)), metaOf(frameOf(id)))
    }
    const schema = Buffer.from(schemaText)
    await from.store.put(schemaKey(layout, schemaId), schema, metaOf(schema, 'application/json'))
    const to = await folder(t)
    const { code, report } = await copy(['--from', from.url, '--to', to.url, '--night', night])
    t.match([code, report], [0, { night, layout: 'v2', copied: ids.length + 2, copiedSchemas: 1, ignored: 0 }], layout)
    const expected = [...[...ids, ...noDetector].map(id => alertKey('v2', id)), schemaKey('v2', schemaId)].sort()
    t.strictSame([...(await objectsIn(to.store)).keys()], expected, layout)
  }
})

await t.test('uncompressed alerts (.avro) are compressed, and present in a second run', async t => {
  const from = await folder(t)
  for (const id of ids) await write(from.root, alertKey('v2', id).replace(/\.gz$/, ''), frameOf(id))
  const to = await folder(t)
  const args = ['--from', from.url, '--to', to.url, '--layout', 'v3', '--gzip-level', '9']
  t.match(await copy(args), { code: 0, report: { copied: ids.length, present: 0 } })
  for (const id of ids) t.strictSame(gunzipSync(await readFile(join(to.root, alertKey('v3', id)))), frameOf(id))
  t.match(await copy(args), { code: 0, report: { copied: 0, present: ids.length } })
})

await t.test('reports damaged objects, copies the others, and copies repaired objects in the next run', async t => {
  const chosen = ids.slice(0, 20)
  const from = await source(t, chosen)
  const good = objects.get(chosen[0]!)!
  const damages: ReadonlyArray<readonly [Buffer, RegExp]> = [
    [good.subarray(0, -1), /damaged or truncated/], [Buffer.from('<html>'), /not gzip/], [good, /holds the alert \d+/],
    [gzipSync('no frame'), /does not hold an alert/],
    [await objectOf(frameOf(chosen[5]!), 0n, sha256(Buffer.from('another frame'))), /the provenance of the object says/],
    [gzipSync(Buffer.alloc(3 * 1024 * 1024)), /inflates to more than/]
  ]
  for (const [n, [bytes]] of damages.entries()) await write(from.root, alertKey('v2', chosen[n + 1]!), bytes)
  await write(from.root, schemaKey('v2', 7), '{"type":')
  const to = await folder(t)
  const args = ['--from', from.url, '--to', to.url, '--layout', 'v3', '--max-record-mib', '2', '--batch-size', '1']
  const { code, stderr, report } = await copy(args)
  t.equal(code, 1)
  t.match(stderr, /^COPY_FAILED: 0 objects are different, 7 are damaged and 0 are gone/)
  t.match(report, { complete: true, copied: 14, copiedSchemas: 1, present: 0, damaged: 7, different: 0 })
  const byId = new Map(report!.problems.map(problem => [problem['alertId'] ?? problem['schemaId'], problem]))
  for (const [n, [, reason]] of damages.entries()) {
    const id = chosen[n + 1]!
    t.match(byId.get(id), { problem: 'damaged', object: 'alert', key: alertKey('v2', id), code: /^OBJECT_/, reason }, String(reason))
  }
  t.match(byId.get(7), { problem: 'damaged', object: 'schema', key: schemaKey('v2', 7), reason: 'the schema is not JSON' })
  t.equal((await objectsIn(to.store)).size, 15, 'no damaged object is copied')
  for (const id of chosen) await write(from.root, alertKey('v2', id), objects.get(id)!)
  await rm(join(from.root, schemaKey('v2', 7)))
  t.match(await copy(args), { code: 0, report: { copied: 6, present: 15, damaged: 0 } })
})

await t.test('an existing different object is reported and not overwritten; an object compressed otherwise is present', async t => {
  const chosen = ids.slice(0, 10)
  const from = await source(t, chosen)
  const to = await folder(t)
  const [different, recompressed, sameStart] = chosen as [string, string, string]
  const other = await objectOf(frameOf(different, 'another content'))
  await write(to.root, alertKey('v3', different), other)
  await write(to.root, alertKey('v3', recompressed), gzipSync(frameOf(recompressed), { level: 1 }))
  await write(to.root, schemaKey('v3', schemaId), schemaText.replace('of the tests', 'of others'))
  const args = ['--from', from.url, '--to', to.url, '--layout', 'v3']
  const { code, stderr, report } = await copy(args)
  t.equal(code, 1)
  t.match(stderr, /^COPY_FAILED: 2 objects are different/)
  t.match(report, { copied: 8, copiedSchemas: 0, present: 1, different: 2, damaged: 0 })
  const hashes = new RegExp(`${sha256(frameOf(different, 'another content'))}.*${sha256(frameOf(different))}`)
  t.match(report!.problems.find(({ object }) => object === 'alert'), {
    problem: 'different', key: alertKey('v2', different), alertId: different, code: 'ARCHIVE_CONFLICT', reason: hashes
  })
  t.match(report!.problems.find(({ object }) => object === 'schema'), { problem: 'different', schemaId, code: 'ARCHIVE_CONFLICT' })
  t.strictSame(await readFile(join(to.root, alertKey('v3', different))), other)
  // Damage behind the first 4 KiB at the destination is found by --compare only.
  const long = await objectOf(frameOf(sameStart, Array.from({ length: 3000 }, (_, n) => sha256(Buffer.from(String(n)))).join('')))
  await write(from.root, alertKey('v2', sameStart), long)
  await write(to.root, alertKey('v3', sameStart), Buffer.concat([long.subarray(0, -50), Buffer.alloc(50)]))
  t.match((await copy(args)).report, { different: 2, present: 9 })
  t.match((await copy([...args, '--compare'])).report, { different: 3, present: 8 })
})

await t.test('ignores and counts keys that belong to no alert', async t => {
  const from = await source(t, ids.slice(0, 3))
  for (const key of ['v2/alerts/README', 'v2/alerts/000000/12.avro.gz', 'v2/schemas/x.json', `v2/alerts/000000/${ids[0]}.avro.gz`]) {
    await write(from.root, key, 'text')
  }
  await write(from.root, 'somewhere/else', 'text')
  t.match(await copy(['--from', from.url, '--to', (await folder(t)).url]), { code: 0, report: { copied: 3, copiedSchemas: 1, ignored: 4 } })
})

await t.test('wrong usage is an error before anything is created', async t => {
  const from = await folder(t)
  const missing = join(from.root, 'none')
  for (const [args, code, error] of [
    [['--to', from.url], 2, /^USAGE_MISSING: copy needs --from/], [['--from', from.url], 2, /^USAGE_MISSING: copy needs --to/],
    [['--from', from.url, '--to', `${from.url}/new`, '--night', '20260231'], 2, /^USAGE_BAD_VALUE: --night/],
    [['--from', from.url, '--to', `${from.url}/new`, '--layout', 'v4'], 2, /^USAGE_BAD_VALUE/],
    [['--from', `file://${missing}`, '--to', `${from.url}/new`], 1, /^STORE_MISSING/]
  ] as const) {
    const result = await copy(args)
    t.strictSame([result.code, result.report], [code, undefined])
    t.match(result.stderr, error)
  }
  t.strictSame([...(await objectsIn(from.store)).keys()], [])
})

await t.test('graph copy describes the graph that runs', async t => {
  const env = { ALERT_STREAM_FROM: 'gs://a', ALERT_STREAM_TO: 'file:///b', ALERT_STREAM_LAYOUT: 'v3', ALERT_STREAM_NIGHT: night }
  const { code, stdout } = await runCli(['graph', 'copy', '--format', 'json'], { env })
  t.equal(code, 0)
  const { nodes } = JSON.parse(stdout) as { nodes: Array<{ name: string, detail: string }> }
  t.strictSame(nodes.map(({ name }) => name), ['keys', 'missing', 'read', 'destination', 'problems'])
  t.match(nodes.map(({ detail }) => detail), [/gs:\/\/a.*20260224/, 'file:///b', 'gs://a', 'file:///b, layout v3', 'JSON'])
})
