import t from 'tap'
import { from, lastValueFrom, Subject, toArray } from 'rxjs'
import { work } from '../../src/pipeline/work.ts'
import { turns } from '../support/pipeline.ts'

const never = (): void => { throw new Error('nothing is to be abandoned') }
const run = (count: number, concurrency: number, handle: (n: number) => readonly number[] | Promise<readonly number[]>): Promise<number[]> =>
  lastValueFrom(from(Array.from({ length: count }, (_, n) => n)).pipe(work(concurrency, handle, never), toArray()))

await t.test('with concurrency 1 the order is kept, whoever is slow', async t => {
  const order = await run(20, 1, async n => {
    await turns(n % 3)
    return [n]
  })
  t.same(order, Array.from({ length: 20 }, (_, n) => n))
})

await t.test('never more than the concurrency are under way', async t => {
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

await t.test('one slow input followed by 100,000 quick ones does not overflow the stack', async t => {
  const out = await run(100_000, 1, n => n === 0 ? turns(1).then(() => [n]) : [n])
  t.equal(out.length, 100_000)
  t.same([out[0], out.at(-1)], [0, 99_999])
})

await t.test('none, one or many outputs per input', async t => {
  t.same(await run(4, 2, n => new Array<number>(n).fill(n)), [1, 2, 2, 3, 3, 3])
})

await t.test('it completes after its last output, even when the input has ended before', async t => {
  const input = new Subject<number>()
  const seen: (number | string)[] = []
  const gate = Promise.withResolvers<void>()
  input.pipe(work<number, number>(1, n => gate.promise.then(() => [n]), never)).subscribe({ next: n => seen.push(n), complete: () => seen.push('end') })
  input.next(1)
  input.next(2)
  input.complete()
  await turns()
  t.same(seen, [])
  gate.resolve()
  await turns()
  t.same(seen, [1, 2, 'end'])
})

for (const [how, handle] of [['a throw', (): never => { throw new Error('broken') }], ['a rejection', () => Promise.reject(new Error('broken'))]] as const) {
  await t.test(`${how} of the handler is an error of the stream, and what waits is abandoned`, async t => {
    const input = new Subject<number>()
    const abandoned: number[] = []
    const errors: unknown[] = []
    input.pipe(work<number, number>(1, n => n === 0 ? turns(3).then(() => []) : handle(), n => abandoned.push(n))).subscribe({ error: (error: unknown) => errors.push(error) })
    for (const n of [0, 1, 2, 3]) input.next(n)
    await turns()
    t.match(errors, [{ message: 'broken' }])
    t.same(abandoned, [2, 3])
  })
}

await t.test('an output that comes after the stream was left is abandoned', async t => {
  const input = new Subject<number>()
  const abandoned: number[] = []
  const subscription = input.pipe(work<number, number>(2, n => turns(2).then(() => [n * 10]), n => abandoned.push(n))).subscribe()
  for (const n of [1, 2, 3]) input.next(n)
  subscription.unsubscribe()
  t.same(abandoned, [3])
  await turns()
  t.same(abandoned, [3, 10, 20])
})
