// inspect: an archived alert by id, file, URL of a bucket and URL of an archive server; intact and damaged.
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { build } from '../../src/api/app.ts'
import { sha256 } from '../../src/stores/checksums.ts'
import { createArchive, openStore } from '../../src/stores/index.ts'
import { archiveWith, cutout, frameOf, id, origin, schemaId, schemaText } from '../inspect/support.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, tempDir, useGcs } from '../support/stack.ts'

const frame = frameOf()
const inspect = (...args: string[]) => runMode(['inspect', ...args])

/** The rows of the table: names and values. */
function rowsOf (text: string): Record<string, string> {
  return Object.fromEntries(text.trimEnd().split('\n').map(line => {
    const [name = '', value = ''] = line.split(/ {2,}(.*)/s)
    return [name, value]
  }))
}

const expected = {
  'alert id': id, 'packed id': 'night 20260224, visit 2026022401010, detector 12', 'schema id': '1101',
  frame: `${frame.length.toLocaleString('en-US')} bytes, SHA-256 ${sha256(frame)}`,
  record: 'alerts-simulated[3]@1042', 'topic id': 'ABEiM0RVZneImaq7zN3u_w', 'leader epoch': '2',
  timestamp: '2025-11-29T21:20:34.567Z, CreateTime', key: `"${id}"`, 'header trace': '"a\\"b"', 'header raw\ufffd': 'base64 AP8=',
  'header none': 'null'
}

await t.test('prints identity and provenance of an alert: by id, IAU name, path and file URL', async t => {
  const { path, url } = await archiveWith(t)
  const size = (await readFile(path)).length
  const file = pathToFileURL(path).href
  for (const args of [[id, '--alert-store', url], [`LSST-AP-DS-${id}`, '--alert-store', url], [path], [file]]) {
    const { code, stdout, stderr } = await inspect(...args)
    t.strictSame([code, stderr], [0, ''], String(args[0]))
    const { object, stored, 'archived at': archivedAt, ...rows } = rowsOf(stdout)
    t.strictSame(rows, expected)
    t.match(object, basename(path))
    t.equal(stored, `${size.toLocaleString('en-US')} bytes, gzip, ${(100 * size / frame.length).toFixed(1)} % of the frame`)
    t.match(archivedAt, /^\d{4}-\d\d-\d\dT/)
    t.notMatch(stdout, '\u001b', 'no control characters')
  }
})

await t.test('prints the decoded alert as JSON: longs as strings, bytes as base64 or not at all, NaN as null', async t => {
  const { path, url } = await archiveWith(t, { redrivenFrom: { topic: 'first', partition: 1, offset: 5n, timestamp: 9n } })
  const { code, stdout, stderr } = await inspect(path, '--json')
  t.strictSame([code, stderr], [0, ''])
  const { alert, provenance, ...rest } = JSON.parse(stdout)
  const history = [{ flux: null }, { flux: 1.5 }, { flux: null }]
  t.strictSame(alert, { diaSourceId: id, flux: null, cutout: cutout.toString('base64'), history })
  t.match(rest, {
    object: path, compressed: true, frameBytes: frame.length, sha256: sha256(frame), schemaId, alertId: id, problems: []
  })
  t.match(provenance, {
    sha256: sha256(frame), frameBytes: frame.length, archivedAt: /^\d{13}$/, topic: 'alerts-simulated', topicId: 'ABEiM0RVZneImaq7zN3u_w',
    partition: 3, offset: '1042', leaderEpoch: 2, timestamp: '1764451234567', timestampType: 'CreateTime',
    key: origin.key!.toString('base64'), truncated: [], redrivenFrom: { topic: 'first', partition: 1, offset: '5', timestamp: '9' },
    headers: [{ name: 'trace', value: 'YSJi' }, { name: 'raw\u001b', value: 'AP8=' }, { name: 'none', value: null }]
  })
  const omitted = JSON.parse((await inspect(id, '--alert-store', url, '--json', '--omit-bytes')).stdout)
  t.strictSame(omitted.alert, { diaSourceId: id, flux: null, history })
})

await t.test('fails at once on a named pipe, and names the limit if a file is too large', async t => {
  const folder = await tempDir(t)
  const [pipe, sparse] = [join(folder, 'pipe'), join(folder, '1.avro.gz')]
  execFileSync('mkfifo', [pipe])
  t.match(await inspect(pipe), { code: 1, stderr: 'INSPECT_UNREADABLE: not a file' })
  await writeFile(sparse, '')
  await truncate(sparse, 3 * 2 ** 30)
  t.match(await inspect(sparse), { code: 1, stderr: 'OBJECT_TOO_LARGE: the object has 3221225472 bytes' })
})

/** Serves the archive, or one response for every request. */
async function serve (t: Test, root: string): Promise<string> {
  const store = await openStore(pathToFileURL(root).href, { access: 'read' })
  const app = build({ archive: createArchive({ alerts: store, schemas: store, layout: 'v2' }), pressure: false })
  t.teardown(() => app.close())
  return await app.listen({ host: '127.0.0.1', port: 0 })
}

await t.test('inspects an alert of an archive server, with the schema from the same server', async t => {
  const { root } = await archiveWith(t)
  const server = await serve(t, root)
  const { code, stdout, stderr } = await inspect(`${server}/v1/alerts/${id}`, '--json')
  t.strictSame([code, stderr], [0, ''])
  t.match(JSON.parse(stdout), { alertId: id, provenance: { offset: '1042' }, alert: { diaSourceId: id } })
  t.match(await inspect(`${server}/v1/alerts/5`), { code: 1, stdout: '', stderr: /^INSPECT_NOT_FOUND: .*404.*alert not found/ })
  t.match(await inspect(`${server}/v1/alerts/x`), { code: 1, stdout: '', stderr: /^INSPECT_UNREADABLE: .*400/ })
  t.match(await inspect(`http://127.0.0.1:2/v1/alerts/${id}`), { code: 1, stdout: '', stderr: /^INSPECT_UNREADABLE: .*ECONNREFUSED/ })
  t.match(await inspect(`http://localhost:2/v1/alerts/${id}`), { code: 1, stderr: /ECONNREFUSED.*alert-stream serve/ })
})

await t.test('a server that sends too much or never responds is an error', async t => {
  const server = createServer((request, response) => {
    if (request.url === '/large') response.end(Buffer.alloc(4_000_000))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.match(await inspect(`${base}/large`, '--max-record-mib', '1'), { code: 1, stderr: /^INSPECT_UNREADABLE: .*more than 1125622 bytes/ })
  t.match(await inspect(`${base}/slow`, '--store-timeout', '0.2'), { code: 1, stderr: /^INSPECT_UNREADABLE: .*within 200 ms/ })
})

await t.test('inspects an object of a bucket by its URL, with the schema from the same bucket', async t => {
  const gcs = await useGcs(t)
  const environment = { STORAGE_EMULATOR_HOST: gcs.url }
  const { path } = await archiveWith(t)
  const bucket = `gs://${await gcs.bucket()}`
  const store = await openStore(`${bucket}/prefix`, { emulatorHost: gcs.url })
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  const object = await readFile(path)
  await archive.putAlert(id, object, { sha256: sha256(frame), crc32c: 0 })
  await archive.putSchema(schemaId, schemaText)
  const key = `prefix/v2/alerts/170055/${id}.avro.gz`
  const result = await runMode(['inspect', `${bucket}/${key}`, '--json'], environment)
  t.strictSame([result.code, result.stderr], [0, ''])
  t.match(JSON.parse(result.stdout), { object: `${bucket}/${key}`, alert: { diaSourceId: id } })
  t.match(await runMode(['inspect', `${bucket}/absent`], environment), { code: 1, stderr: /^INSPECT_NOT_FOUND/ })
  await store.put(`v2/alerts/170055/7.avro.gz`, object, { contentType: 'application/gzip', sha256: '0'.repeat(64), crc32c: 0 })
  const wrong = await runMode(['inspect', `${bucket}/prefix/v2/alerts/170055/7.avro.gz`], environment)
  t.match(wrong, { code: 1, stdout: /problem +.*named after alert 7.*\nproblem +.*metadata of the object say 0{64}/ })
  await archive.close()
})

await t.test('an object of another program is read: gzip without provenance, several members, no compression', async t => {
  const folder = await tempDir(t)
  const members = Buffer.concat([gzipSync(frame.subarray(0, 9)), gzipSync(frame.subarray(9))])
  const objects = { gzip: gzipSync(frame), members, plain: frame }
  for (const [name, bytes] of Object.entries(objects)) {
    const path = join(folder, name)
    await writeFile(path, bytes)
    const { code, stdout } = await inspect(path)
    t.equal(code, 0)
    t.match(rowsOf(stdout), { 'alert id': id, frame: /SHA-256/, provenance: 'none', stored: name === 'plain' ? /not compressed/ : /gzip/ })
  }
})

await t.test('says what is wrong with a damaged object, on stdout and in the error', async t => {
  const { path } = await archiveWith(t)
  const object = await readFile(path)
  const flipped = (at: number): Buffer => {
    const bytes = Buffer.from(object)
    bytes[at] = bytes[at]! ^ 1
    return bytes
  }
  const folder = dirname(path)
  const extraEnd = 12 + object.readUInt16LE(10)
  const foreign = Buffer.from(gzipSync(Buffer.from('not a frame')))
  const cases: ReadonlyArray<readonly [name: string, bytes: Buffer, problem: RegExp, frame: boolean]> = [
    ['provenance', flipped(60), /the provenance in the gzip header is damaged: its CRC-32 is [0-9a-f]{8}, but it states/, true],
    ['marker', flipped(16), /the provenance in the gzip header is damaged/, true],
    ['field length', flipped(14), /an extra field of the gzip header, at byte 12, is longer|the provenance.*damaged/, true],
    ['time', flipped(4), /the time in the gzip header is 1764451235, but the provenance says 1764451234/, true],
    ['data', flipped(extraEnd + 200), /the object is gzip but damaged or truncated/, false],
    ['truncated', object.subarray(0, -100), /damaged or truncated[^]*the size of the object is \d+, but the provenance says \d+/, false],
    ['other bytes follow', Buffer.concat([object, gzipSync(Buffer.alloc(9))]), /the SHA-256 of the frame is/, true],
    ['empty', Buffer.alloc(0), /the message is empty|not gzip/, false],
    ['not a frame', foreign, /not with the magic byte 0x00/, true],
    ['other name', object, /the object is named after alert 5, but its frame has the id 170055001964544532/, true]
  ]
  for (const [name, bytes, problem, hasFrame] of cases) {
    const file = join(folder, name === 'other name' ? '5.avro.gz' : `${name}.bin`)
    await writeFile(file, bytes)
    const { code, stdout, stderr } = await inspect(file)
    t.equal(code, 1, name)
    t.match(stdout, problem, name)
    t.match(stdout, /^problem /m, name)
    const onlyProvenance = ['provenance', 'marker', 'field length', 'time'].includes(name)
    t.match(stderr, onlyProvenance ? /^INSPECT_PROVENANCE: .*The alert itself is intact/s : /^INSPECT_DAMAGED: /, name)
    t.equal(/^stored .*gzip/m.test(stdout), name !== 'empty', name)
    if (onlyProvenance && name !== 'time') t.equal(rowsOf(stdout)['provenance'], 'unreadable', name)
    t.equal(/^frame +\d/m.test(stdout), hasFrame, name)
    const json = await inspect(file, '--json', '--omit-bytes')
    t.strictSame([json.code, JSON.parse(json.stdout).problems.length > 0], [1, true], name)
  }
  t.match(await inspect(join(folder, 'provenance.bin'), '--json'), { stdout: new RegExp(`"diaSourceId": "${id}"`) })
})

await t.test('an object that inflates beyond the limit is not called damaged', async t => {
  const path = join(await tempDir(t), '1.avro.gz')
  await writeFile(path, gzipSync(Buffer.alloc(3 * 1024 * 1024)))
  t.match(await inspect(path, '--max-record-mib', '2'), { code: 1, stdout: '', stderr: /^OBJECT_TOO_LARGE: .*--max-record-mib/s })
})

await t.test('reports what was left out of the provenance', async t => {
  const headers = [[Buffer.from('long'), Buffer.alloc(70_000, 'x')] as const]
  const { path } = await archiveWith(t, { origin: { ...origin, headers } })
  t.match(rowsOf((await inspect(path)).stdout), { headers: /left out/, key: `"${id}"` })
  const both = await archiveWith(t, { origin: { ...origin, headers, key: Buffer.alloc(70_000) } })
  t.match(rowsOf((await inspect(both.path)).stdout), { headers: /left out/, key: /left out/ })
  const key = await archiveWith(t, { origin: { ...origin, key: Buffer.alloc(300, 'k') } })
  t.match(rowsOf((await inspect(key.path)).stdout), { key: `"${'k'.repeat(200)}"... (300 bytes)` })
})

await t.test('missing objects and schemas, wrong ids and URLs have clear errors', async t => {
  const { path, url, root } = await archiveWith(t)
  t.match(await inspect('5', '--alert-store', url), { code: 1, stdout: '', stderr: /^INSPECT_NOT_FOUND: alert 5 is not archived/ })
  t.match(await inspect(join(root, 'none')), { code: 1, stdout: '', stderr: /^INSPECT_NOT_FOUND: no such file/ })
  t.match(await inspect(root), { code: 1, stdout: '', stderr: /^INSPECT_UNREADABLE: not a file/ })
  t.match(await inspect(id), { code: 2, stdout: '', stderr: /^STORE_NOT_GIVEN/ })
  t.match(await inspect(root), { stderr: /alert-stream list --json/ })
  t.match(await inspect(''), { code: 2, stdout: '', stderr: /^INSPECT_BAD_TARGET: the name of the object is empty/ })
  t.match(await inspect(`lsst-ap-ds-${id}`, '--alert-store', url), {
    code: 2, stdout: '', stderr: /is not an alert id.*LSST-AP-DS- \(in capitals\)/
  })
  t.match(await inspect(path, '--omit-bytes'), { code: 2, stdout: '', stderr: /^USAGE_BAD_VALUE: --omit-bytes needs --json/ })
  for (const wrong of ['9223372036854775808', 'LSST-AP-DS-x', 'LSST-AP-DS-', 'gs://bucket', 'http://u:p@host/v1/alerts/1', 'file://host/x']) {
    t.match(await inspect(wrong), { code: 2, stdout: '', stderr: /^INSPECT_BAD_TARGET/ }, wrong)
  }
  t.match(await inspect('ftp://host/1.avro.gz'), { code: 2, stdout: '', stderr: /^STORE_URL_INVALID/ })
  t.match(await inspect(path, '--max-record-mib', '0'), { code: 2 })
  const schemas = join(await tempDir(t), 'schemas')
  await mkdir(join(schemas, 'v2/schemas'), { recursive: true })
  await writeFile(join(schemas, `v2/schemas/${schemaId}.json`), schemaText)
  await rm(join(root, 'v2/schemas'), { recursive: true })
  const without = await inspect(path, '--json')
  t.match(without, { code: 1, stderr: /^INSPECT_NO_SCHEMA: no schema with id 1101/ })
  t.match(JSON.parse(without.stdout), { alertId: id, provenance: { offset: '1042' } })
  t.match(await inspect(path, '--json', '--schema-store', pathToFileURL(schemas).href), { code: 0, stdout: /"diaSourceId"/ })
  await writeFile(join(schemas, `v2/schemas/${schemaId}.json`), '{"type":"record","name":"other","fields":[{"name":"id","type":"long"}]}')
  t.match(await inspect(path, '--json', '--schema-store', pathToFileURL(schemas).href), { code: 1, stderr: /^DATUM_INVALID/ })
})

await t.test('the program prints one table, without a log line', async t => {
  const { path } = await archiveWith(t)
  const { code, stdout, stderr } = await runCli(['inspect', path])
  t.strictSame([code, stderr], [0, ''])
  t.match(rowsOf(stdout), { 'alert id': id })
})
