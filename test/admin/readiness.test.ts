import t from 'tap'
import { healthOf } from '../../src/admin/readiness.ts'
import type { RunState } from '../../src/pipeline/index.ts'
import { testErrors } from '../support/pipeline.ts'

await t.test('all well: ready, and each check says so', async t => {
  const health = healthOf(() => 'running', { broker: async () => {}, store: async () => 'anything' })
  t.strictSame(await health(), { ready: true, checks: { run: 'ok', broker: 'ok', store: 'ok' } })
})

await t.test('what does not answer is named with code, message and place on one line, and no other', async t => {
  const health = healthOf(() => 'running', {
    broker: async () => { throw testErrors.TEST_SERVER_DOWN('no\n  answer', { where: 'localhost:1' }) },
    registry: async () => {},
    store: async () => { throw new Error('odd') }
  })
  t.strictSame(await health(), { ready: false, checks: { run: 'ok', broker: 'TEST_SERVER_DOWN: no answer (localhost:1)', registry: 'ok', store: 'UNEXPECTED: odd' } })
})

await t.test('a check that throws at once is one that failed', async t => {
  const health = healthOf(() => 'running', { store: () => { throw new Error('at once') } })
  t.match(await health(), { ready: false, checks: { store: 'UNEXPECTED: at once' } })
})

await t.test('one that hangs is given up at the limit, while the others are told', async t => {
  const health = healthOf(() => 'running', { broker: () => new Promise(() => {}), store: async () => {} }, 20)
  t.strictSame(await health(), { ready: false, checks: { run: 'ok', broker: 'HEALTH_NO_ANSWER: no answer within 0.02 s', store: 'ok' } })
})

await t.test('checks run side by side, and probes at the same time share them', async t => {
  const begun: string[] = []
  const gate = Promise.withResolvers<void>()
  const check = (name: string) => () => { begun.push(name); return gate.promise }
  const health = healthOf(() => 'running', { a: check('a'), b: check('b') })
  const probes = [health(), health(), health()]
  t.strictSame(begun, ['a', 'b'])
  gate.resolve()
  t.ok((await Promise.all(probes)).every(({ ready }) => ready))
  t.strictSame(begun, ['a', 'b'])
  await health()
  t.strictSame(begun, ['a', 'b', 'a', 'b'])
})

for (const state of ['created', 'draining', 'stopped', 'failed'] as const satisfies readonly RunState[]) {
  await t.test(`a mode that is ${state} is not ready, and says so beside its checks`, async t => {
    t.strictSame(await healthOf(() => state, { store: async () => {} })(), { ready: false, checks: { run: state, store: 'ok' } })
  })
}
