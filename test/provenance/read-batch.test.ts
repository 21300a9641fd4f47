import t from 'tap'
import type { Logger } from '../../src/pipeline/index.ts'
import { Slots } from '../../src/pipeline/slots.ts'
import { readBatch } from '../../src/provenance/read-batch.ts'
import { storeErrors } from '../../src/stores/errors.ts'

const alerts = [1n, 2n, 3n, 4n].map(id => ({ id }))

function readWith (read: (id: bigint) => Promise<string>, signal = new AbortController().signal) {
  const logged: object[] = []
  const log: Logger = { debug () {}, info () {}, warn () {}, error: (fields, message) => { logged.push({ ...fields, message }) } }
  return { logged, results: readBatch(alerts, { slots: new Slots(2), read: ({ id }) => read(id), message: 'left out', log }, signal) }
}

await t.test('keeps the order, and logs an alert that cannot be read', async t => {
  const { results, logged } = readWith(async id => {
    if (id === 3n) throw storeErrors.OBJECT_CORRUPT('the object is damaged')
    return `alert ${id}`
  })
  t.strictSame(await results, ['alert 1', 'alert 2', undefined, 'alert 4'])
  t.match(logged, [{ alertId: '3', code: 'OBJECT_CORRUPT', error: 'the object is damaged', message: 'left out' }])
})

await t.test('ends with the first error that is retryable or fatal, and reads no further alert', async t => {
  const read: bigint[] = []
  const { results, logged } = readWith(async id => {
    read.push(id)
    throw storeErrors.STORE_UNAVAILABLE('the store does not respond')
  })
  await t.rejects(results, { code: 'STORE_UNAVAILABLE' })
  t.strictSame([read, logged], [[1n, 2n], []])
})

await t.test('rejects with the reason of the signal', async t => {
  const { results } = readWith(async () => '', AbortSignal.abort(new Error('stopped')))
  await t.rejects(results, { message: 'stopped' })
})
