import t from 'tap'
import { freeArchived } from '../../src/ingest/free-archived.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import { createGraph, type DeadLetter } from '../../src/pipeline/index.ts'
import { allocateOwn } from '../../src/pipeline/own-memory.ts'
import { drive } from '../../src/pipeline/test-driver.ts'
import { failureOf, quick, testErrors, turns } from '../support/pipeline.ts'

const BYTES = 1000

function record (offset: number): KafkaRecord {
  const body = allocateOwn(BYTES + 3).fill(offset)
  const [key, value] = [body.subarray(0, 3), body.subarray(3)]
  return { topic: 't', partition: 0, offset: BigInt(offset), leaderEpoch: 0, timestamp: 0n, key, value, headers: [] }
}

const intact = ({ value, offset }: KafkaRecord): boolean => value!.equals(Buffer.alloc(BYTES, Number(offset)))
const freed = ({ key, value }: KafkaRecord): boolean => key!.length === 0 && value!.length === 0

/** A graph that frees what it archives. `seen`: whether the record was intact in each callback of the inner observer. */
function freeing () {
  const seen: string[] = []
  const look = (what: string) => ({ value }: { readonly value: unknown }): void => {
    seen.push(`${what} ${(value as KafkaRecord).offset} ${intact(value as KafkaRecord) ? 'intact' : 'changed'}`)
  }
  const observer = freeArchived({ pulled: look('pulled'), wrote: look('wrote'), deadLettered: look('dead'), settled: look('settled') })
  const letters: DeadLetter[] = []
  const builder = createGraph('test', { retry: quick, deadLetters: { kind: 'bin', write: async letter => { letters.push(letter) } } })
  builder.source<KafkaRecord>('records', { kind: 'none', async * records () {} })
    .to('archive', { kind: 'store', write: async () => {} }, { concurrency: 10 })
  const driver = drive(builder.build(), { observer })
  return { seen, driver, push: (value: KafkaRecord) => driver.source<KafkaRecord>('records').push(value) }
}

await t.test('a record is freed when it has settled, and a slow write never sees other bytes', async t => {
  const { seen, driver, push } = freeing()
  const slow = Promise.withResolvers<undefined>()
  driver.sink<KafkaRecord>('archive').write = async ({ offset }) => { if (offset === 0n) await slow.promise }
  const [late, ...others] = Array.from({ length: 200 }, (_, offset) => record(offset)) as [KafkaRecord, ...KafkaRecord[]]
  const last = push(late)
  for (const other of others) await push(other)
  t.ok(others.every(freed))
  t.ok(intact(late), 'the record of the slow write is intact')
  slow.resolve(undefined)
  await last
  t.ok(freed(late))
  await driver.finish()
  t.strictSame(seen.filter(line => line.endsWith('changed')), [], 'the inner observer sees every record intact')
  t.equal(seen.filter(line => line.startsWith('settled')).length, 200)
})

await t.test('a record is freed once after a write that succeeds in the third attempt', async t => {
  const { driver, push } = freeing()
  const attempts: boolean[] = []
  driver.sink<KafkaRecord>('archive').write = async (value, { attempt }) => {
    attempts.push(intact(value))
    if (attempt < 3) throw testErrors.TEST_SERVER_DOWN('down')
  }
  const value = record(1)
  await push(value)
  t.strictSame([attempts, freed(value)], [[true, true, true], true])
  await driver.finish()
})

await t.test('dead letters and records of a failed graph are not freed', async t => {
  const { driver, push } = freeing()
  driver.sink<KafkaRecord>('archive').write = async ({ offset }) => {
    throw offset === 0n ? testErrors.TEST_BAD_RECORD('bad') : testErrors.TEST_SHUT('shut')
  }
  const [bad, failed] = [record(0), record(1)]
  await push(bad)
  void push(failed).catch(() => {})
  await failureOf(driver.run.done)
  await turns()
  t.ok(intact(bad))
  t.ok(intact(failed))
})
