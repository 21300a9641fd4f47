// Produces a record batch as it is, byte by byte, so that tests can produce batches that no client would write.
import { Connection, createAPI, type Reader, Writer } from '@platformatic/kafka'

const PRODUCE = 0
const VERSION = 9

function createRequest (topic: string, partition: number, batch: Buffer): Writer {
  return Writer.create().appendString(null).appendInt16(-1).appendInt32(30_000)
    .appendArray([topic], (w, name) => {
      w.appendString(name).appendArray([partition], (p, index) => {
        p.appendInt32(index).appendUnsignedVarInt(batch.length + 1).append(batch)
      })
    })
    .appendTaggedFields()
}

/** Returns the error code of the only partition. */
function parseResponse (_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): number {
  let errorCode = 0
  reader.readArray(r => {
    r.readString()
    r.readArray(p => {
      p.readInt32()
      errorCode = p.readInt16()
      p.skip(24)
      p.readArray(record => { record.readInt32(); record.readNullableString() })
      p.readNullableString()
    })
  })
  return errorCode
}

const produceApi = createAPI<[topic: string, partition: number, batch: Buffer], number>(PRODUCE, VERSION, createRequest, parseResponse)

/** @param broker the leader of the partition, `host:port` */
export async function produceRaw (broker: string, topic: string, partition: number, batch: Buffer): Promise<void> {
  const connection = new Connection('raw')
  const [host = '', port] = broker.split(':')
  await connection.connect(host, Number(port))
  const errorCode = await produceApi.async(connection, topic, partition, batch)
  await connection.close()
  if (errorCode !== 0) throw new Error(`the broker rejected the batch with error code ${errorCode}`)
}
