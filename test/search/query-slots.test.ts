import t from 'tap'
import { QuerySlots } from '../../src/search/query-slots.ts'
import { never } from './support.ts'

function gate () {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

await t.test('runs as many queries as there are slots, and starts the waiting ones in their order', async t => {
  const slots = new QuerySlots(2, 60_000)
  const started: number[] = []
  const gates = [1, 2, 3, 4].map(() => gate())
  const running = gates.map((each, n) => slots.run(never, async () => {
    started.push(n)
    await each.opened
    if (n === 1) throw new Error('failed')
  }).catch((error: Error) => error.message))
  await new Promise(setImmediate)
  t.strictSame(started, [0, 1])
  gates[1]!.open()
  await running[1]
  await new Promise(setImmediate)
  t.strictSame(started, [0, 1, 2], 'a query that fails frees its slot')
  for (const each of gates) each.open()
  t.strictSame(await Promise.all(running), [undefined, 'failed', undefined, undefined])
})

await t.test('rejects a query that finds no free slot in time, and one whose client disconnects while it waits', async t => {
  const slots = new QuerySlots(1, 20)
  const first = gate()
  const running = slots.run(never, () => first.opened)
  await t.rejects(slots.run(never, async () => 'ran'), { code: 'SEARCH_BUSY' })
  const client = new AbortController()
  const waiting = slots.run(client.signal, async () => 'ran')
  client.abort(new Error('gone'))
  await t.rejects(waiting, { message: 'gone' })
  await t.rejects(slots.run(AbortSignal.abort(new Error('gone')), async () => 'ran'), { message: 'gone' })
  first.open()
  await running
  t.equal(await slots.run(never, async () => 'ran'), 'ran')
})
