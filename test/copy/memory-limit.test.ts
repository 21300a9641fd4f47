import t from 'tap'
import { MemoryLimit } from '../../src/copy/memory-limit.ts'
import type { Admit } from '../../src/stores/object-store.ts'

const sized = (...sizes: number[]) => async (admit: Admit) => {
  for (const bytes of sizes) admit(bytes)
  return sizes.at(-1)
}

await t.test('admits objects up to the limit, then in the order of their arrival as others are released', async t => {
  const memory = new MemoryLimit(100)
  const [a, b, c, d] = [{}, {}, {}, {}]
  t.same(await Promise.all([memory.read(a, sized(60)), memory.read(b, sized(40))]), [60, 40])
  const done: string[] = []
  const waiting = [
    memory.read(c, sized(50)).then(() => { done.push('c') }), memory.read(d, sized(10)).then(() => { done.push('d') })
  ]
  await new Promise(resolve => { setImmediate(resolve) })
  t.same([done, memory.bytes], [[], 100])
  memory.release(b)
  await new Promise(resolve => { setImmediate(resolve) })
  t.same([done, memory.bytes], [[], 60], 'the small object does not overtake the large one')
  memory.release(a)
  await Promise.all(waiting)
  t.same([done, memory.bytes], [['c', 'd'], 60])
  for (const owner of [c, d, d]) memory.release(owner)
  t.equal(memory.bytes, 0)
})

await t.test('an object above the limit is admitted alone', async t => {
  const memory = new MemoryLimit(100)
  const [small, huge, next] = [{}, {}, {}]
  await memory.read(small, sized(1))
  let read = 0
  const reading = memory.read(huge, async admit => {
    read++
    admit(5000)
  })
  memory.release(small)
  await reading
  t.same([read, memory.bytes], [2, 5000])
  const after = memory.read(next, sized(1))
  memory.release(huge)
  t.equal(await after, 1)
})

await t.test('two objects that turn out to be larger than announced do not wait for each other', async t => {
  const memory = new MemoryLimit(100)
  const owners = [{}, {}]
  const reads = owners.map(async owner => {
    await memory.read(owner, async admit => {
      admit(50)
      await new Promise(resolve => { setImmediate(resolve) })
      admit(90)
    })
    memory.release(owner)
  })
  await Promise.all(reads)
  t.equal(memory.bytes, 0)
})

await t.test('passes on the error of a read, and a repeated read does not hold the bytes twice', async t => {
  const memory = new MemoryLimit(100)
  const owner = {}
  const failing = async (admit: Admit) => {
    admit(60)
    throw new Error('reset')
  }
  await t.rejects(memory.read(owner, failing), { message: 'reset' })
  await t.rejects(memory.read(owner, failing), { message: 'reset' })
  t.equal(memory.bytes, 60)
  memory.release(owner)
  t.equal(memory.bytes, 0)
})
