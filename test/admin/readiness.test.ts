import t from 'tap'
import { healthOf } from '../../src/admin/readiness.ts'
import type { RunState } from '../../src/pipeline/index.ts'
import { testErrors } from '../support/pipeline.ts'

await t.test('a mode is ready if all checks pass', async t => {
  const health = healthOf(() => 'running', { broker: async () => {}, store: async () => 'anything' })
  t.strictSame(await health(), { ready: true, checks: { run: 'ok', broker: 'ok', store: 'ok' } })
})

await t.test('a failed check is reported with code, message and location on one line', async t => {
  const health = healthOf(() => 'running', {
    broker: async () => { throw testErrors.TEST_SERVER_DOWN('no\n  response', { where: 'localhost:1' }) },
    registry: async () => {},
    store: async () => { throw new Error('odd') }
  })
  t.strictSame(await health(), {
    ready: false,
    checks: { run: 'ok', broker: 'TEST_SERVER_DOWN: no response (localhost:1)', registry: 'ok', store: 'UNEXPECTED: odd' }
  })
})

await t.test('a check that throws synchronously is reported as failed', async t => {
  const health = healthOf(() => 'running', { store: () => { throw new Error('at once') } })
  t.match(await health(), { ready: false, checks: { store: 'UNEXPECTED: at once' } })
})

await t.test('a check that hangs fails at the time limit, and the results of all other checks are reported', async t => {
  const health = healthOf(() => 'running', { broker: () => new Promise(() => {}), store: async () => {} }, 20)
  t.strictSame(await health(), {
    ready: false, checks: { run: 'ok', broker: 'HEALTH_NO_ANSWER: no response within 0.02 s', store: 'ok' }
  })
})

await t.test('checks run concurrently, and concurrent probes share one run of each check', async t => {
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
  await t.test(`a mode that is ${state} is not ready`, async t => {
    t.strictSame(await healthOf(() => state, { store: async () => {} })(), { ready: false, checks: { run: state, store: 'ok' } })
  })
}
