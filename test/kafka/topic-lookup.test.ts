import { type ClusterMetadata, NetworkError, UserError } from '@platformatic/kafka'
import t from 'tap'
import { findTopic } from '../../src/kafka/topic-lookup.ts'

type Client = Parameters<typeof findTopic>[0]

function clientWith (metadata: () => Partial<ClusterMetadata>) {
  const requests: unknown[] = []
  const client = {
    metadata: async (options: unknown) => {
      requests.push(options)
      return metadata()
    }
  } as unknown as Client
  return { client, requests }
}

await t.test('returns the id and the partitions of a topic from fresh metadata', async t => {
  const partitions = [{ leader: 1, leaderEpoch: 0, replicas: [1, 2], isr: [], offlineReplicas: [] }]
  const { client, requests } = clientWith(() => ({ topics: new Map([['a', { id: 'id-1', partitions } as never]]) }))
  t.strictSame(await findTopic(client, 'a'), { id: 'id-1', partitions })
  t.strictSame(requests, [{ topics: ['a'], forceUpdate: true, retries: 0 }])
})

await t.test('returns undefined if the topic does not exist', async t => {
  t.equal(await findTopic(clientWith(() => ({ topics: new Map() })).client, 'a'), undefined)
  t.equal(await findTopic(clientWith(() => { throw new UserError('Unknown topic a.') }).client, 'a'), undefined)
})

await t.test('rejects with any error other than that of a missing topic', async t => {
  await t.rejects(findTopic(clientWith(() => { throw new UserError('Unknown topic b.') }).client, 'a'), { message: 'Unknown topic b.' })
  const { client } = clientWith(() => { throw new NetworkError('Connection closed') })
  await t.rejects(findTopic(client, 'a'), { message: 'Connection closed' })
})
