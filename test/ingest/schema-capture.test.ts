import t from 'tap'
import { registryErrors } from '../../src/avro/errors.ts'
import { schemaCapture } from '../../src/ingest/schema-capture.ts'
import { storeErrors } from '../../src/stores/index.ts'

const text = '{"type":"record","name":"alert","doc":"d","fields":[{"name":"diaSourceId","type":"long","default":0}]}'

function parts (options: { readonly text?: (id: number) => Promise<string>, readonly put?: (id: number, text: string) => Promise<'written'> } = {}) {
  const calls: string[] = []
  const registry = {
    url: 'http://registry',
    schemaById: async (id: number) => {
      calls.push(`get ${id}`)
      return options.text === undefined ? text : options.text(id)
    }
  }
  const archive = {
    putSchema: async (id: number, given: string) => {
      calls.push(`put ${id}`)
      if (options.put !== undefined) return options.put(id, given)
      return 'written' as const
    }
  }
  return { calls, capture: schemaCapture(registry, () => archive, { patienceMs: 0 }) }
}

await t.test('the schema is given only when its text, unchanged, is durable', async t => {
  const held = Promise.withResolvers<'written'>()
  const given: string[] = []
  const { capture } = parts({ put: async (_id, put) => { given.push(put); return held.promise } })
  let done = false
  const schema = Promise.resolve(capture(7)).then(schema => { done = true; return schema })
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  t.equal(done, false)
  held.resolve('written')
  t.equal((await schema).alertIdField, 'diaSourceId')
  t.strictSame(given, [text])
})

await t.test('each id is captured once, however many alerts come at once', async t => {
  const { calls, capture } = parts()
  await Promise.all(Array.from({ length: 50 }, (_, index) => capture(index % 2)))
  await capture(0)
  t.strictSame(calls.sort(), ['get 0', 'get 1', 'put 0', 'put 1'])
})

await t.test('a capture that failed is tried again by the next alert', async t => {
  let down = true
  const { capture } = parts({ put: async () => { if (down) throw storeErrors.STORE_FULL('full'); return 'written' } })
  await t.rejects(Promise.resolve(capture(1)), { code: 'STORE_FULL', retryable: true })
  down = false
  t.equal((await capture(1)).alertIdField, 'diaSourceId')
})

await t.test('an unknown schema and one that is no record are the alert\'s fault; whatever else the registry or store says is not', async t => {
  const fails = async (error: Error, where: 'text' | 'put'): Promise<unknown> => {
    const { capture } = parts({ [where]: async () => { throw error } })
    return Promise.resolve(capture(1)).then(() => undefined, (reason: unknown) => reason)
  }
  t.match(await fails(registryErrors.UNKNOWN_SCHEMA('no'), 'text'), { code: 'UNKNOWN_SCHEMA', retryable: false })
  t.match(await fails(registryErrors.REGISTRY_REFUSED('401'), 'text'), { code: 'REGISTRY_REFUSED', retryable: true })
  t.match(await fails(registryErrors.NOT_A_REGISTRY('html'), 'text'), { code: 'NOT_A_REGISTRY', retryable: true })
  t.match(await fails(registryErrors.REGISTRY_UNAVAILABLE('down'), 'text'), { code: 'REGISTRY_UNAVAILABLE', retryable: true })
  t.match(await fails(storeErrors.STORE_PATH_BLOCKED('a file'), 'put'), { code: 'STORE_PATH_BLOCKED', retryable: true })
  t.match(await fails(storeErrors.ARCHIVE_CONFLICT('other'), 'put'), { code: 'SCHEMA_ID_REUSED', fatal: true, retryable: false, message: /id 1/, where: 'http://registry' })
  const { capture } = parts({ text: async () => '"string"' })
  await t.rejects(Promise.resolve(capture(1)), { code: 'SCHEMA_INVALID', retryable: false, where: /schema 1 of http/ })
})
