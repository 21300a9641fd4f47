import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { isPresent } from '../../src/copy/presence.ts'
import type { ObjectStart, ObjectStore } from '../../src/stores/object-store.ts'

/** A store with one object. Rejects every call other than `getStart`. */
function storeOf (body: Buffer | undefined, sha256?: string): ObjectStore {
  return {
    getStart: async (_key: string, bytes: number): Promise<ObjectStart | undefined> =>
      body === undefined ? undefined : { start: body.subarray(0, bytes), size: body.length, ...sha256 === undefined ? {} : { sha256 } }
  } as unknown as ObjectStore
}

const frame = Buffer.concat([Buffer.from([0, 0, 0, 4, 76]), randomBytes(20_000)])
const gz = gzipSync(frame)
const alert = { kind: 'alert', key: 'a', id: '7', compressed: true } as const

await t.test('compares size, the first 4 KiB, and the SHA-256 if both objects have one', async t => {
  const changed = (at: number): Buffer => {
    const bytes = Buffer.from(gz)
    bytes[at]! ^= 1
    return bytes
  }
  for (const [there, present, sums] of [
    [undefined, false], [gz, true], [changed(100), false], [changed(4095), false], [gz.subarray(0, -1), false],
    [gz, true, ['a', 'a']], [gz, false, ['a', 'b']], [gz, true, ['a', undefined]], [changed(10_000), true]
  ] as ReadonlyArray<readonly [Buffer | undefined, boolean, ReadonlyArray<string | undefined>?]>) {
    t.equal(await isPresent(storeOf(gz, sums?.[0]), alert, storeOf(there, sums?.[1]), 'b'), present)
  }
  t.equal(await isPresent(storeOf(undefined), alert, storeOf(gz), 'b'), false)
})

await t.test('compares the beginning of an uncompressed alert with the inflated beginning of the copy', async t => {
  const plain = { ...alert, compressed: false }
  for (const level of [0, 1, 9]) t.equal(await isPresent(storeOf(frame), plain, storeOf(gzipSync(frame, { level })), 'b'), true)
  const other = Buffer.from(frame)
  other[50]! ^= 1
  for (const there of [gzipSync(other), Buffer.from('not gzip'), gz.subarray(0, 5), Buffer.alloc(0)]) {
    t.equal(await isPresent(storeOf(frame), plain, storeOf(there), 'b'), false)
  }
})
