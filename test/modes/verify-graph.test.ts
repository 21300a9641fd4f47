// The graph of verify, run by the test driver without a broker: which records reach which node, and what a failed check does.
import t from 'tap'
import { parseSchema } from '../../src/avro/index.ts'
import { parseCommandLine } from '../../src/config/parse.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import verify, { declare } from '../../src/modes/verify.ts'
import { describedConnection } from '../../src/program/kafka-from-flags.ts'
import { drive } from '../../src/pipeline/test-driver.ts'
import { gzipFrame } from '../../src/stores/index.ts'
import type { Archive } from '../../src/stores/archive.ts'
import { storeErrors } from '../../src/stores/errors.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { VerifyReport, type Problem } from '../../src/verify/report.ts'
import { failureOf } from '../support/pipeline.ts'

const schema = parseSchema(JSON.stringify({ type: 'record', name: 'alert', fields: [{ name: 'diaSourceId', type: 'long' }] }))

function recordOf (id: bigint): KafkaRecord {
  const value = schema.encodeFramed(7, { diaSourceId: id })
  return { topic: 'alerts', partition: 0, offset: id, leaderEpoch: 0, timestamp: 0n, key: null, value, headers: [] }
}

function driven (getAlertGzip: (id: string) => Promise<Buffer | undefined>, ...args: string[]) {
  const { config } = parseCommandLine(verify, ['--dead-letter-store', 'file:///letters', ...args], {})
  const findAlert: Archive['findAlert'] = async id => {
    const body = await getAlertGzip(id)
    const frame = async () => { throw new Error('verify inflates the object itself') }
    return body && { body, compressed: true, where: id, expectedBytes: 0, frame }
  }
  const archive = { findAlert, getSchema: async () => '{}' } as Partial<Archive> as Archive
  const deadLetterStore = { get: async () => undefined } as Partial<ObjectStore> as ObjectStore
  const report = new VerifyReport(async () => {})
  const urls = { alerts: 'alerts', schemas: 'schemas' }
  const opened = () => ({ topics: [], archive, target: archive, deadLetterStore })
  return { report, driver: drive(declare(config, describedConnection(config), urls, opened, report).graph) }
}

await t.test('only problems reach the report', async t => {
  const { driver, report } = driven(async id => id === '2' ? undefined : await gzipFrame(recordOf(BigInt(id)).value!))
  const source = driver.source<KafkaRecord>('records')
  await Promise.all([1n, 2n, 3n, 1n].map(async id => await source.push(recordOf(id))))
  await driver.finish()
  t.match(driver.sink<readonly Problem[]>('report').values, [[{ problem: 'missing', object: 'alert', alertId: '2' }]])
  t.match(report, { verified: 3, repeats: 1, deadLettered: 0 })
})

await t.test('with --repair, a failed check ends the run and dead-letters no record, whatever the error', async t => {
  for (const [error, code] of [
    [new TypeError('a bug'), 'VERIFY_CHECK_FAILED'], [storeErrors.STORE_KEY_INVALID('no'), 'VERIFY_CHECK_FAILED'],
    [storeErrors.STORE_BUCKET_DENIED('no'), 'STORE_BUCKET_DENIED']
  ] as const) {
    const { driver, report } = driven(async () => { throw error }, '--repair')
    t.match((await driver.source<KafkaRecord>('records').push(recordOf(1n))).failure, { code })
    t.match(await failureOf(driver.run.done), { code })
    t.strictSame(driver.deadLetters!.written, [])
    t.match(report, { verified: 0, missing: 0, different: 0 })
  }
})

await t.test('retries a check if the store is temporarily unavailable', async t => {
  let asked = 0
  const { driver, report } = driven(async () => {
    if (++asked === 1) throw storeErrors.STORE_PATH_BLOCKED('a file is in the way')
    return await gzipFrame(recordOf(1n).value!)
  })
  t.equal((await driver.source<KafkaRecord>('records').push(recordOf(1n))).failure, undefined)
  await driver.finish()
  t.equal(asked, 2)
  t.match(report, { verified: 1 })
})

await t.test('the graph shows the steps of the ingester only with --repair', async t => {
  const nodes = async (...args: string[]): Promise<string[]> =>
    (await verify.describe!(parseCommandLine(verify, args, {}).config, [])).nodes.map(({ name }) => name)
  const checks = ['records', 'compare', 'find-dead-letter', 'check-schema', 'problems']
  const index = ['dead-letter-records', 'dead-letter-index']
  t.strictSame(await nodes(), [...checks, 'report', ...index])
  t.strictSame(await nodes('--dead-letter-store', 'file:///x'), [...checks, 'report'])
  const repair = ['repairable', 'record', 'unframe', 'capture-schema', 'archive']
  t.strictSame(await nodes('--repair'), [...checks, ...repair, ...index, 'schema-archive', 'dead-letters'])
})

await t.test('with --night, the graph reads the archive only', async t => {
  const args = ['--night', '20260301', '--alert-store', 'gs://alerts', '--index-store', 'gs://index']
  const { nodes } = await verify.describe!(parseCommandLine(verify, args, {}).config, [])
  t.strictSame(nodes.map(({ name }) => name), ['archive', 'hash', 'batch', 'frames'])
  t.match(nodes[0], { detail: 'gs://alerts: night 20260301' })
  t.match(nodes.at(-1), { detail: /gs:\/\/index/ })
})
