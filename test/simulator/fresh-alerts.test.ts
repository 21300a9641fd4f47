// The refresh step with a registry that returns no usable schema for some ids, or for all. test/modes/play-stream-fresh.test.ts runs the
// mode.
import t from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { refreshStep } from '../../src/simulator/fresh-alerts.ts'
import type { ReplayRecord } from '../../src/simulator/replay-pass.ts'
import { silent } from '../../src/pipeline/log.ts'
import { badAnswers, fakeRegistry, type Answer } from '../support/fake-registry.ts'

const text = '{"type":"record","name":"alert","fields":[{"name":"diaSourceId","type":"long"}]}'
const schema = parseSchema(text)

function itemOf (schemaId: number): ReplayRecord {
  const value = schema.encodeFramed(schemaId, { diaSourceId: 5n })
  const record = { topic: 'static', partition: 0, offset: 0n, leaderEpoch: 0, timestamp: 0n, key: null, value, headers: [] }
  return { record, pass: 1, index: 0, second: 1_800_000_000, dueAt: 0 }
}

await t.test('copies alerts unmodified if the registry returns no usable schema for their id alone, and refreshes all others', async t => {
  const { url, requests } = await fakeRegistry(t, { 7: text, ...badAnswers })
  const step = refreshStep(url, { ids: true, times: false }, silent)
  const renewed = await step.refresh(itemOf(7))
  t.notSame(renewed.record.value, itemOf(7).record.value)
  const ids = [...Object.keys(badAnswers).map(Number), 99, 2 ** 31, 2 ** 32 - 1]
  for (const id of ids) t.same((await step.refresh(itemOf(id))).record.value, itemOf(id).record.value, `id ${id}`)
  t.equal(step.unmodifiedIn(1), ids.length)
  t.notOk(requests.some(path => /ids\/\d{10}/.test(path)), 'an id that no registry assigns is not requested')
  t.same(await step.refresh(itemOf(7)), renewed)
})

await t.test('while the registry returns no usable schema for any id, copies no alert unmodified', async t => {
  const schemas: Record<number, string | Answer> = { 7: text }
  const { url } = await fakeRegistry(t, schemas)
  const step = refreshStep(url, { ids: true, times: false }, silent)
  await step.refresh(itemOf(7))
  for (const answer of [[404, '<html>'], [200, ''], [422, '{}'], [500, '']] as const) {
    Object.assign(schemas, { 7: answer, 70: answer })
    await t.rejects(Promise.resolve(step.refresh(itemOf(70))), { code: /^(REGISTRY_\w+|NOT_A_REGISTRY)$/, retryable: true })
  }
  t.equal(step.unmodifiedIn(1), 0)
  Object.assign(schemas, { 7: text, 70: text })
  t.notSame((await step.refresh(itemOf(70))).record.value, itemOf(70).record.value)
})
