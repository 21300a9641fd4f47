import t from 'tap'
import { from, lastValueFrom, Subject, toArray } from 'rxjs'
import { work, type Handler } from '../../src/pipeline/work.ts'
import { turns } from '../support/pipeline.ts'

const never = (): void => { throw new Error('an input or output was abandoned') }
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const run = (count: number, concurrency: number, handle: Handler<number, number>): Promise<number[]> =>
  lastValueFrom(from(range(count)).pipe(work(concurrency, handle, never), toArray()))

await t.test('concurrency 1 keeps the order of the inputs', async t => {
  const order = await run(20, 1, async n => {
    await turns(n % 3)
    return [n]
  })
  t.same(order, range(20))
})

await t.test('at most `concurrency` inputs are processed at once', async t => {
  let active = 0
  let most = 0
  await run(50, 4, async n => {
    most = Math.max(most, ++active)
    await turns(1 + n % 5)
    active--
    return [n]
  })
  t.equal(most, 4)
})

await t.test('a slow input before 100,000 fast inputs does not overflow the stack', async t => {
  const out = await run(100_000, 1, n => n === 0 ? turns(1).then(() => [n]) : [n])
  t.equal(out.length, 100_000)
  t.same([out[0], out.at(-1)], [0, 99_999])
})

await t.test('an input may have zero, one or many outputs', async t => {
  t.same(await run(4, 2, n => new Array<number>(n).fill(n)), [1, 2, 2, 3, 3, 3])
})

await t.test('the stream completes after its last output, even if the input ended earlier', async t => {
  const input = new Subject<number>()
  const seen: (number | string)[] = []
  const gate = Promise.withResolvers<void>()
  input.pipe(work<number, number>(1, n => gate.promise.then(() => [n]), never))
    .subscribe({ next: n => seen.push(n), complete: () => seen.push('end') })
  input.next(1)
  input.next(2)
  input.complete()
  await turns()
  t.same(seen, [])
  gate.resolve()
  await turns()
  t.same(seen, [1, 2, 'end'])
})

for (const [how, handle] of [
  ['throws', (): never => { throw new Error('broken') }],
  ['rejects', () => Promise.reject(new Error('broken'))]
] as const) {
  await t.test(`if the handler ${how}, the stream errors and waiting inputs are abandoned`, async t => {
    const input = new Subject<number>()
    const abandoned: number[] = []
    const errors: unknown[] = []
    input.pipe(work<number, number>(1, n => n === 0 ? turns(3).then(() => []) : handle(), n => abandoned.push(n)))
      .subscribe({ error: (error: unknown) => errors.push(error) })
    for (const n of [0, 1, 2, 3]) input.next(n)
    await turns()
    t.match(errors, [{ message: 'broken' }])
    t.same(abandoned, [2, 3])
  })
}

await t.test('outputs that arrive after unsubscribing are abandoned', async t => {
  const input = new Subject<number>()
  const abandoned: number[] = []
  const subscription = input.pipe(work<number, number>(2, n => turns(2).then(() => [n * 10]), n => abandoned.push(n))).subscribe()
  for (const n of [1, 2, 3]) input.next(n)
  subscription.unsubscribe()
  t.same(abandoned, [3])
  await turns()
  t.same(abandoned, [3, 10, 20])
})
