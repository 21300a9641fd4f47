// Parses the response to a Fetch request (versions 13 to 17). Unlike the parser of the client library, it returns a response whose
// partitions have errors, leaves the record batches compressed, and never fails because of the content of a batch.
import type { Reader } from '@platformatic/kafka'
import { type RecordBatch, splitBatches } from './record-batch.ts'
import { retainBatches } from './response-memory.ts'
import { ResponseReader } from './response-reader.ts'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** An epoch of a partition's leader and its end offset in the log of the broker. */
interface EpochEndOffset {
  readonly epoch: number
  readonly endOffset: bigint
}

interface CurrentLeader {
  readonly leaderId: number
  readonly leaderEpoch: number
}

export interface FetchedPartition {
  readonly partitionIndex: number
  /** Error code of the Kafka protocol; 0 for none. */
  readonly errorCode: number
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  readonly logStartOffset: bigint
  /** Set if the log of the broker has no record with the requested last epoch at that offset: the log was truncated. */
  readonly divergingEpoch?: EpochEndOffset | undefined
  /** Set if the request named a wrong leader or an old leader epoch. */
  readonly currentLeader?: CurrentLeader | undefined
  readonly abortedTransactions: readonly AbortedTransaction[]
  readonly preferredReadReplica: number
  readonly batches: readonly RecordBatch[]
  /** Why the bytes after the last batch are not a batch. Undefined if the partition has no such bytes. */
  readonly damage?: string | undefined
}

interface NodeEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

export interface FetchResponse {
  readonly throttleTimeMs: number
  /** Error code of the whole response, which then has no partitions; 0 for none. */
  readonly errorCode: number
  readonly sessionId: number
  readonly responses: ReadonlyArray<{ readonly topicId: string, readonly partitions: readonly FetchedPartition[] }>
  /** Addresses of the current leaders. */
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

/** Error: KAFKA_RESPONSE_INVALID. */
export function parseFetchResponse (_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): FetchResponse {
  const r = new ResponseReader(reader)
  const throttleTimeMs = r.int32()
  const errorCode = r.int16()
  // After an error of the whole response, the fetch session is lost. With session 0, the client library opens a new session.
  const session = r.int32()
  const sessionId = errorCode === 0 ? session : 0
  const responses = r.array(() => {
    const topicId = r.uuid()
    const partitions = r.array(() => parsePartition(r))
    r.taggedFields()
    return { topicId, partitions }
  })
  let nodeEndpoints: NodeEndpoint[] = []
  r.taggedFields({
    0: () => {
      nodeEndpoints = r.array(() => {
        const endpoint = { nodeId: r.int32(), host: r.string(), port: r.int32() }
        r.string() // rack
        r.taggedFields()
        return endpoint
      })
    }
  })
  retainBatches(reader.buffer, responses.flatMap(({ partitions }) => partitions.flatMap(({ batches }) => batches)))
  return { throttleTimeMs, errorCode, sessionId, responses, nodeEndpoints }
}

function parsePartition (r: ResponseReader): FetchedPartition {
  const fields = {
    partitionIndex: r.int32(),
    errorCode: r.int16(),
    highWatermark: r.int64(),
    lastStableOffset: r.int64(),
    logStartOffset: r.int64(),
    abortedTransactions: r.array((): AbortedTransaction => {
      const transaction = { producerId: r.int64(), firstOffset: r.int64() }
      r.taggedFields()
      return transaction
    }),
    preferredReadReplica: r.int32()
  }
  const records = r.bytes()
  const { batches, damage } = records === undefined ? { batches: [] } : splitBatches(records)
  let divergingEpoch: EpochEndOffset | undefined
  let currentLeader: CurrentLeader | undefined
  r.taggedFields({
    0: () => { divergingEpoch = { epoch: r.int32(), endOffset: r.int64() } },
    1: () => { currentLeader = { leaderId: r.int32(), leaderEpoch: r.int32() } }
  })
  return { ...fields, divergingEpoch, currentLeader, batches, damage }
}
