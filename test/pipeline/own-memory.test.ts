import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { allocateOwn, freeOwn } from '../../src/pipeline/own-memory.ts'

const MIB = 1024 * 1024
const arrayBuffers = (): number => process.memoryUsage().arrayBuffers

await t.test('frees the memory behind a view at once, and leaves all views empty', async t => {
  const before = arrayBuffers()
  const buffer = allocateOwn(64 * MIB).fill(1)
  const views = [buffer.subarray(1, 3), buffer.subarray(10)]
  t.ok(arrayBuffers() - before >= 64 * MIB)
  freeOwn(views[0]!)
  t.ok(arrayBuffers() - before < MIB)
  t.strictSame([buffer, ...views].map(({ length }) => length), [0, 0, 0])
  t.strictSame([buffer[0], views[1]![0]], [undefined, undefined])
  freeOwn(buffer)
})

await t.test('leaves memory of other buffers alone, also memory that small buffers share', async t => {
  for (const other of [Buffer.alloc(100_000, 'x'), Buffer.from('small'), new Uint8Array(10)]) {
    const content = Buffer.from(other)
    freeOwn(other)
    t.ok(content.equals(other))
  }
})

await t.test('a buffer that is never freed is garbage-collected', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const buffers = Array.from({ length: 4 }, () => allocateOwn(16 * MIB))
  const before = arrayBuffers()
  buffers.length = 0
  // The sweeper of array buffers runs in another thread.
  while (arrayBuffers() > before - 64 * MIB) {
    collect()
    await new Promise(resolve => setImmediate(resolve))
  }
  t.pass('the memory is gone')
})
