import { Admin, kGetApi, ResponseError } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import { acceptLeaderless } from '../../src/kafka/leaderless.ts'

type Done = (error: Error | null, payload?: unknown) => void
type Call = ((...args: unknown[]) => void) & { readonly version: number }

/** A client whose requests fail with the given error codes of a topic and of its two partitions. Returns the result of one request. */
async function request (t: Test, name: string, topicCode: number, codes: readonly [number, number]) {
  const client = new Admin({ clientId: 'test', bootstrapBrokers: ['127.0.0.1:2'] })
  t.teardown(async () => { await client.close() })
  const partitions = codes.map((errorCode, partitionIndex) => ({ errorCode, partitionIndex, leaderId: 7, leaderEpoch: 3 }))
  const response = { topics: [{ errorCode: topicCode, name: 'a', partitions }] }
  const failing = Object.assign((...args: unknown[]) => {
    const failed = [topicCode, ...codes].filter(code => code !== 0)
    const errors = Object.fromEntries(failed.map((code, index) => [`/${index}`, [code, null] as [number, null]]))
    ;(args.at(-1) as Done)(new ResponseError(3, 12, errors, response))
  }, { version: 12 })
  Object.assign(client, { [kGetApi]: (_: string, done: Done) => { done(null, failing) } })
  const getApi = acceptLeaderless(client)[kGetApi] as unknown as (name: string, done: (error: Error | null, api: Call) => void) => void
  return await new Promise<{ error: Error | null, payload: unknown }>(resolve => {
    getApi(name, (_, api) => { api('connection', ['a'], (error: Error | null, payload: unknown) => { resolve({ error, payload }) }) })
  })
}

const LEADER_NOT_AVAILABLE = 5
const TOPIC_AUTHORIZATION_FAILED = 29

await t.test('metadata is accepted if a partition has no leader, and the leader is -1', async t => {
  const { error, payload } = await request(t, 'Metadata', 0, [0, LEADER_NOT_AVAILABLE])
  t.equal(error, null)
  t.match(payload, { topics: [{ partitions: [{ leaderId: 7 }, { leaderId: -1 }] }] })
})

await t.test('metadata with any other error is rejected', async t => {
  t.ok((await request(t, 'Metadata', TOPIC_AUTHORIZATION_FAILED, [0, LEADER_NOT_AVAILABLE])).error)
  t.ok((await request(t, 'Metadata', 0, [TOPIC_AUTHORIZATION_FAILED, 0])).error)
})

await t.test('errors of other requests are unchanged', async t => {
  t.ok((await request(t, 'Fetch', 0, [0, LEADER_NOT_AVAILABLE])).error)
})
