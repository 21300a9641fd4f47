import t from 'tap'
import { sharedAnswer } from '../../src/admin/shared-request.ts'

const late = (): Error => new Error('late')
const LONG = 1_000_000

await t.test('those who ask at the same time share one question, and later ones get a new one', async t => {
  let asked = 0
  let answer = Promise.withResolvers<number>()
  const ask = sharedAnswer(() => { asked++; return answer.promise }, LONG, late)
  const three = [ask(), ask(), ask()]
  answer.resolve(1)
  t.strictSame(await Promise.all(three), [1, 1, 1])
  t.equal(asked, 1)
  answer = Promise.withResolvers()
  answer.resolve(2)
  t.equal(await ask(), 2)
  t.equal(asked, 2)
})

await t.test('a failure is told to all who share it, and forgotten', async t => {
  let asked = 0
  const ask = sharedAnswer(async () => { if (asked++ === 0) throw new Error('first'); return 'well' }, LONG, late)
  const two = await Promise.allSettled([ask(), ask()])
  t.match(two, [{ status: 'rejected', reason: { message: 'first' } }, { status: 'rejected' }])
  t.equal(await ask(), 'well')
})

await t.test('nobody waits longer than the limit; the question goes on, and is joined by who asks next', async t => {
  let asked = 0
  const answer = Promise.withResolvers<string>()
  const ask = sharedAnswer(() => { asked++; return answer.promise }, 20, late)
  await t.rejects(ask(), { message: 'late' })
  const next = ask()
  answer.resolve('at last')
  t.equal(await next, 'at last')
  t.equal(asked, 1)
})

await t.test('a question that hangs for ever is asked anew', async t => {
  let asked = 0
  const ask = sharedAnswer(() => ++asked === 1 ? new Promise<string>(() => {}) : Promise.resolve('well'), 1, late)
  let answer: string | undefined
  while (answer === undefined) answer = await ask().catch(() => undefined)
  t.equal(answer, 'well')
  t.equal(asked, 2)
})
