import t from 'tap'
import { registryErrors } from '../../src/avro/errors.ts'
import { schemaCapture } from '../../src/ingest/schema-capture.ts'
import { storeErrors } from '../../src/stores/errors.ts'

const text = '{"type":"record","name":"alert","doc":"d","fields":[{"name":"diaSourceId","type":"long","default":0}]}'

interface Doubles {
  readonly text?: (id: number) => Promise<string>
  readonly put?: (id: number, text: string) => Promise<'written'>
}

function captureWith (doubles: Doubles = {}) {
  const calls: string[] = []
  const registry = {
    url: 'http://registry',
    schemaById: async (id: number) => {
      calls.push(`get ${id}`)
      return doubles.text === undefined ? text : doubles.text(id)
    }
  }
  const archive = {
    putSchema: async (id: number, given: string) => {
      calls.push(`put ${id}`)
      return doubles.put === undefined ? 'written' as const : doubles.put(id, given)
    }
  }
  return { calls, capture: schemaCapture(registry, () => archive, { waitMs: 0 }) }
}

await t.test('a capture resolves only when the unchanged schema text is durable', async t => {
  const held = Promise.withResolvers<'written'>()
  const puts: string[] = []
  const { capture } = captureWith({ put: async (_id, given) => { puts.push(given); return held.promise } })
  let done = false
  const schema = Promise.resolve(capture(7)).then(schema => { done = true; return schema })
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  t.equal(done, false)
  held.resolve('written')
  t.equal((await schema).alertIdField, 'diaSourceId')
  t.strictSame(puts, [text])
})

await t.test('captures each schema id once for all concurrent and later alerts', async t => {
  const { calls, capture } = captureWith()
  await Promise.all(Array.from({ length: 50 }, (_, index) => capture(index % 2)))
  await capture(0)
  t.strictSame(calls.sort(), ['get 0', 'get 1', 'put 0', 'put 1'])
})

await t.test('the next alert retries a failed capture', async t => {
  let down = true
  const { capture } = captureWith({ put: async () => { if (down) throw storeErrors.STORE_FULL('full'); return 'written' } })
  await t.rejects(Promise.resolve(capture(1)), { code: 'STORE_FULL', retryable: true })
  down = false
  t.equal((await capture(1)).alertIdField, 'diaSourceId')
})

await t.test('an unknown or invalid schema makes a record bad; registry and store errors are retryable; a reused id is fatal', async t => {
  const errorOf = async (error: Error, call: 'text' | 'put'): Promise<unknown> => {
    const { capture } = captureWith({ [call]: async () => { throw error } })
    return Promise.resolve(capture(1)).then(() => undefined, (reason: unknown) => reason)
  }
  t.match(await errorOf(registryErrors.UNKNOWN_SCHEMA('no'), 'text'), { code: 'UNKNOWN_SCHEMA', retryable: false })
  t.match(await errorOf(registryErrors.REGISTRY_REFUSED('401'), 'text'), { code: 'REGISTRY_REFUSED', retryable: true })
  t.match(await errorOf(registryErrors.NOT_A_REGISTRY('html'), 'text'), { code: 'NOT_A_REGISTRY', retryable: true })
  t.match(await errorOf(registryErrors.REGISTRY_UNAVAILABLE('down'), 'text'), { code: 'REGISTRY_UNAVAILABLE', retryable: true })
  t.match(await errorOf(storeErrors.STORE_PATH_BLOCKED('a file'), 'put'), { code: 'STORE_PATH_BLOCKED', retryable: true })
  t.match(await errorOf(storeErrors.ARCHIVE_CONFLICT('other'), 'put'),
    { code: 'SCHEMA_ID_REUSED', fatal: true, retryable: false, message: /id 1/, where: 'http://registry' })
  const { capture } = captureWith({ text: async () => '"string"' })
  await t.rejects(Promise.resolve(capture(1)), { code: 'SCHEMA_INVALID', retryable: false, where: /schema 1 of http/ })
})
