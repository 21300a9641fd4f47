import t from 'tap'
import { registryErrors } from '../../src/avro/errors.ts'
import { schemaCapture } from '../../src/ingest/schema-capture.ts'
import { storeErrors } from '../../src/stores/errors.ts'

const text = '{"type":"record","name":"alert","doc":"d","fields":[{"name":"diaSourceId","type":"long","default":0}]}'

interface Doubles {
  readonly text?: (id: number) => Promise<string>
  readonly put?: (id: number, text: string) => Promise<'written'>
  /** The text in the archive. */
  readonly archived?: string
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
    },
    getSchema: async () => doubles.archived
  }
  const logged: object[] = []
  const keep = (fields: object): void => { logged.push(fields) }
  const log = { debug () {}, info: keep, warn: keep, error () {} }
  return { calls, logged, capture: schemaCapture(registry, () => archive, { waitMs: 0, log }) }
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
  t.equal((await schema).alertIdOf(Buffer.from([14])), 7n)
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
  t.equal((await capture(1)).alertIdOf(Buffer.from([14])), 7n)
})

await t.test('an unknown or unusable schema makes a record bad; registry and store errors are retryable; a reused id is fatal', async t => {
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
  for (const unusable of ['"string"', '["null","long"]', 'null', '7', '{"type":"record","fields":[{"name":"x","type":"nowhere"}]}']) {
    const { capture, calls } = captureWith({ text: async () => unusable })
    await t.rejects(Promise.resolve(capture(1)), { code: 'UNKNOWN_SCHEMA', retryable: false, message: /no usable schema with id 1: / })
    t.notOk(calls.includes('put 1'), 'an unusable text is not archived')
  }
})

await t.test('archives a schema that cannot be compiled, if its first field is a long, and reads only the alert id', async t => {
  const fields = '[{"name": "id", "type": {"type": "long"}}, {"name": "x", "type": "nowhere"}]'
  const broken = `{ "type": "record", "name": "alert", "fields": ${fields} }`
  const puts: string[] = []
  const { capture, logged } = captureWith({ text: async () => broken, put: async (_id, given) => { puts.push(given); return 'written' } })
  const schema = await capture(1)
  t.equal(schema.checked, false)
  t.equal(schema.alertIdOf(Buffer.from([14, 255, 255])), 7n)
  t.throws(() => schema.alertIdOf(Buffer.from([0x80])), { code: 'DATUM_INVALID' })
  t.strictSame(puts, [broken], 'the text is unchanged')
  t.match(logged, [{ schemaId: 1 }])
})

await t.test('a schema in another spelling than in the archive is the same schema, and the archived text stays', async t => {
  const archived = '{"fields":[{"type":{"type":"long"},"name":"dia\\u0053ourceId"}],"namespace":"","name":"alert","type":"record"}'
  const conflict = async (): Promise<never> => { throw storeErrors.ARCHIVE_CONFLICT('other') }
  const { capture, logged, calls } = captureWith({ put: conflict, archived })
  t.equal((await capture(1)).alertIdOf(Buffer.from([14])), 7n)
  t.strictSame(calls, ['get 1', 'put 1'])
  t.match(logged, [{ schemaId: 1 }])
  for (const different of [archived.replace('"alert"', '"other"'), archived.replace('"long"', '"int"'), '{', '']) {
    const { capture } = captureWith({ put: conflict, archived: different })
    await t.rejects(Promise.resolve(capture(1)), { code: 'SCHEMA_ID_REUSED' }, different)
  }
})
