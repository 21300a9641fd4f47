import t from 'tap'
import { Slots } from '../../src/pipeline/slots.ts'

await t.test('runs at most the given number of calls at the same time, and starts waiting calls in order', async t => {
  const slots = new Slots(2)
  const started: number[] = []
  const finish: Array<() => void> = []
  const all = [0, 1, 2, 3].map(i => slots.run(async () => {
    started.push(i)
    await new Promise<void>(resolve => { finish[i] = resolve })
    return i
  }))
  await new Promise(setImmediate)
  t.strictSame([started, slots.waiting], [[0, 1], 2])
  finish[1]!()
  await all[1]
  t.strictSame([started, slots.waiting], [[0, 1, 2], 1])
  finish[0]!()
  await all[0]
  for (const i of [2, 3]) finish[i]!()
  t.strictSame(await Promise.all(all), [0, 1, 2, 3])
  t.equal(slots.waiting, 0)
})

await t.test('a failed call frees its slot', async t => {
  const slots = new Slots(1)
  const failed = slots.run(async () => { throw new Error('failed') })
  const next = slots.run(async () => 'next')
  await t.rejects(failed, /failed/)
  t.equal(await next, 'next')
})
