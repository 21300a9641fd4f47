// Reads the first or last offset of each partition of a topic, with one ListOffsets request to each leader.
import { kGetApi, type Admin, type API, type listOffsetsV9 } from './client-library.ts'
import { promisify } from 'node:util'
import { hasProtocolError, kafkaErrors } from './errors.ts'
import type { FoundTopic } from './topic-lookup.ts'

/** A position in the log of a partition. */
export interface LogPosition {
  readonly offset: bigint
  /** Leader epoch of the last record before `offset`; -1 if unknown. */
  readonly leaderEpoch: number
}

/** The offsets to ask for, as timestamps of the Kafka protocol. The latest offset is the last stable one. */
export const EARLIEST = -2n
export const LATEST = -1n

type ListOffsetsApi = API<Parameters<typeof listOffsetsV9.createRequest>, listOffsetsV9.ListOffsetsResponse>

const CONSUMER = -1
const READ_COMMITTED = 1

/** Undefined for a partition without a leader. Errors: those of the client library, KAFKA_UNREACHABLE, KAFKA_PARTITION_UNAVAILABLE. */
export async function listPositions (
  admin: Admin, name: string, { partitions }: FoundTopic, timestamp: bigint, where: string
): Promise<Array<LogPosition | undefined>> {
  const positions = new Array<LogPosition | undefined>(partitions.length).fill(undefined)
  const led = partitions.map(({ leader, leaderEpoch }, partitionIndex) => ({ leader, partitionIndex, currentLeaderEpoch: leaderEpoch }))
  const byLeader = Map.groupBy(led.filter(({ leader }) => leader >= 0), ({ leader }) => leader)
  if (byLeader.size === 0) return positions
  // `Admin.listOffsets` is not used, because it looks up the topic again before each request.
  const getApi = promisify((done: (error: Error | null, api?: ListOffsetsApi) => void) => { admin[kGetApi]('ListOffsets', done as never) })
  const api = await getApi() as ListOffsetsApi
  const connections = await admin.connectToBrokers([...byLeader.keys()])
  await Promise.all([...byLeader].map(async ([leader, list]) => {
    const connection = connections.get(leader)
    if (connection === undefined) throw kafkaErrors.KAFKA_UNREACHABLE(`broker ${leader}, a leader, is not in the cluster`, { where })
    const asked = list.map(({ partitionIndex, currentLeaderEpoch }) => ({ partitionIndex, currentLeaderEpoch, timestamp }))
    const { topics } = await api.async(connection, CONSUMER, READ_COMMITTED, [{ name, partitions: asked }]).catch((cause: unknown) => {
      if (!hasProtocolError(cause, 'UNKNOWN_TOPIC_OR_PARTITION')) throw cause
      throw kafkaErrors.KAFKA_PARTITION_UNAVAILABLE(`broker ${leader}, the leader, does not know the partition yet`, { where, cause })
    })
    for (const { partitionIndex, offset, leaderEpoch } of topics[0]?.partitions ?? []) positions[partitionIndex] = { offset, leaderEpoch }
  }))
  return positions
}
