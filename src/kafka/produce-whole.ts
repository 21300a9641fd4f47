// The Produce request for one encoded record batch. The client library can only encode records.
import {
  type API, createAPI, produceV10, produceV11, produceV9, type ResponseParser, UnsupportedApiError, Writer
} from './client-library.ts'

interface WholeBatchRequest {
  readonly acks: number
  /** How long the leader may wait for the other in-sync replicas. */
  readonly timeoutMs: number
  readonly topic: string
  readonly partition: number
  /** The bytes of the batch, in parts. */
  readonly bytes: readonly Uint8Array[]
}

type WholeBatchApi = API<[request: WholeBatchRequest], unknown>

const PRODUCE = 0
/** The versions with this layout of the request. Brokers since Kafka 2.8 support version 9. */
const versions = [[9, produceV9.parseResponse], [10, produceV10.parseResponse], [11, produceV11.parseResponse]] as const
const apis = new Map<number, WholeBatchApi>(versions.map(([version, parse]) =>
  [version, createAPI(PRODUCE, version, createRequest, parse as ResponseParser<unknown>)]))

/** @param version version of the API that client and broker have in common. Error: UnsupportedApiError of the client library. */
export function wholeBatchApi (version: number): WholeBatchApi {
  const api = apis.get(version)
  if (api === undefined) throw new UnsupportedApiError('the broker is older than Kafka 2.8')
  return api
}

function createRequest ({ acks, timeoutMs, topic, partition, bytes }: WholeBatchRequest): Writer {
  const size = bytes.reduce((sum, { length }) => sum + length, 0)
  return Writer.create().appendString(null).appendInt16(acks).appendInt32(timeoutMs)
    .appendArray([topic], (topics, name) => {
      topics.appendString(name).appendArray([partition], (partitions, index) => {
        partitions.appendInt32(index).appendUnsignedVarInt(size + 1)
        for (const part of bytes) partitions.append(part as Buffer)
      })
    })
    .appendTaggedFields()
}
