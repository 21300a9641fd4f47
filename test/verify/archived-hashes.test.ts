// The archive's side of a night: which alerts are listed, and the hash of each object.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { encodeId, rubinIds } from '../../src/ids/packed-id.ts'
import { silent } from '../../src/pipeline/index.ts'
import { withProvenance } from '../../src/provenance/provenance.ts'
import { sha256 } from '../../src/stores/checksums.ts'
import { storeErrors } from '../../src/stores/errors.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { alertKey } from '../../src/stores/layouts.ts'
import { archivedNight, frameHasher, type HashedAlert } from '../../src/verify/archived-hashes.ts'
import { tempDir } from '../support/stack.ts'

const fields = [{ name: 'id', type: 'long' }, { name: 'x', type: 'bytes' }]
const schema = parseSchema(JSON.stringify({ type: 'record', name: 'a', fields }))
const frameOf = (id: string, x = 'x'): Buffer => schema.encodeFramed(7, { id: BigInt(id), x: Buffer.alloc(1000, x) })
const night = '20260301'
const idOf = (counter: number, tag = 2, on = night): string => String(encodeId({ tag, night: on, sequence: 3, detector: 5, counter }))
const record = { topic: 'alerts', topicId: undefined, partition: 0, offset: 1n, leaderEpoch: 0, timestamp: 0n, key: null, headers: [] }

function withHeader (frame: Buffer): Buffer {
  return withProvenance(gzipSync(frame), { sha256: sha256(frame), frameBytes: frame.length, archivedAt: 0 }, record).object
}

/** A folder with an archive. `hashes` lists the night and reads its objects. */
async function archiveOf (t: Test, objects: Readonly<Record<string, Buffer>>) {
  const root = await tempDir(t)
  for (const [key, body] of Object.entries({ 'v2/schemas/7.json': Buffer.from('{}'), ...objects })) {
    await mkdir(dirname(join(root, key)), { recursive: true })
    await writeFile(join(root, key), body)
  }
  const store = await openFileStore(root)
  const source = archivedNight({ store: () => store, target: store.url, night, packedIds: rubinIds })
  const hashes = async (headersOnly = false, listed: () => Promise<void> = async () => {}): Promise<HashedAlert[]> => {
    const hash = frameHasher({ store: () => store, headersOnly, maxFrameBytes: 10_000, maxBytes: 5000 })
    const { signal } = new AbortController()
    const found: Array<Promise<HashedAlert>> = []
    for await (const { value } of source.records({ node: 'archive', log: silent, drain: signal, abort: signal })) {
      await listed()
      found.push(hash(value))
    }
    return await Promise.all(found)
  }
  return { root, source, hashes }
}

await t.test('lists the alerts of the night in all layouts, and hashes every object of each', async t => {
  const [first, second, reprocessed] = [idOf(1), idOf(2), idOf(1, 4)]
  const { hashes, source } = await archiveOf(t, {
    [alertKey('v2', first)]: gzipSync(frameOf(first)),
    [alertKey('v3', first)]: withHeader(frameOf(first)),
    [alertKey('v1', first)]: gzipSync(frameOf(first, 'y')),
    [alertKey('v2', second).replace(/\.gz$/, '')]: frameOf(second),
    [alertKey('v2', reprocessed)]: withHeader(frameOf(reprocessed)),
    [alertKey('v2', idOf(1, 2, '20260302'))]: gzipSync(frameOf(first)),
    [alertKey('v2', '42')]: gzipSync(frameOf('42'))
  })
  const of = (id: string, x?: string) => sha256(frameOf(id, x))
  for (const headersOnly of [false, true]) {
    t.strictSame(await hashes(headersOnly), [
      { id: first, objects: [
        { key: alertKey('v3', first), sha256: of(first) }, { key: alertKey('v2', first), sha256: of(first) },
        { key: alertKey('v1', first), sha256: of(first, 'y') }
      ] },
      { id: second, objects: [{ key: alertKey('v2', second).replace(/\.gz$/, ''), sha256: of(second) }] },
      { id: reprocessed, objects: [{ key: alertKey('v2', reprocessed), sha256: of(reprocessed) }] }
    ])
  }
  t.match(source, { ended: true, listed: 6 })
})

await t.test('says why an object cannot be read; with headersOnly, intact provenance of the right size counts', async t => {
  const [damaged, cut, wrong, large, lying] = [1, 2, 3, 4, 5].map(counter => idOf(counter)) as [string, string, string, string, string]
  const body = withHeader(frameOf(damaged))
  body[body.length - 10]! ^= 1
  const other = withProvenance(gzipSync(frameOf(lying, 'y')), { sha256: sha256(frameOf(lying)), frameBytes: 1, archivedAt: 0 }, record)
  const { hashes } = await archiveOf(t, {
    [alertKey('v2', damaged)]: body,
    [alertKey('v2', cut)]: withHeader(frameOf(cut)).subarray(0, -9),
    [alertKey('v2', wrong)]: gzipSync(frameOf('7')),
    [alertKey('v2', large)]: gzipSync(schema.encodeFramed(7, { id: BigInt(large), x: Buffer.alloc(20_000) })),
    [alertKey('v2', lying)]: other.object
  })
  const damages = async (headersOnly: boolean) => Object.fromEntries((await hashes(headersOnly))
    .map(({ id, objects: [object] }) => [id, object!.damage ?? object!.sha256]))
  const reasons = { [cut]: /damaged or truncated/, [wrong]: /holds the alert 7/, [large]: /20\d\d\d|more than/ }
  t.match(await damages(false), { ...reasons, [damaged]: /damaged or truncated/, [lying]: /but the provenance of the object says/ })
  t.match(await damages(true), { ...reasons, [damaged]: sha256(frameOf(damaged)), [lying]: sha256(frameOf(lying)) })
})

await t.test('an object that was deleted after it had been listed has neither hash nor damage', async t => {
  const id = idOf(1)
  const key = alertKey('v2', id)
  for (const headersOnly of [false, true]) {
    const { root, hashes } = await archiveOf(t, { [key]: gzipSync(frameOf(id)) })
    t.strictSame(await hashes(headersOnly, async () => { await rm(join(root, key)) }), [{ id, objects: [{ key }] }])
  }
})

await t.test('a store that cannot be read is retried, and any other error ends the check', async t => {
  const hasherOf = (error: Error) => {
    const fail = async () => { throw error }
    return frameHasher({
      store: () => ({ url: 'gs://a', get: fail, getStart: fail }), headersOnly: false, maxFrameBytes: 10_000, maxBytes: 1000
    })
  }
  const alert = { id: idOf(1), keys: [alertKey('v2', idOf(1))] }
  await t.rejects(hasherOf(storeErrors.STORE_UNAVAILABLE('away'))(alert), { code: 'STORE_UNAVAILABLE', retryable: true })
  await t.rejects(hasherOf(storeErrors.STORE_BUCKET_DENIED('denied'))(alert), { code: 'STORE_BUCKET_DENIED', fatal: true })
  await t.rejects(hasherOf(new Error('a bug'))(alert), { code: 'VERIFY_CHECK_FAILED', fatal: true })
})
