// The thread that encodes segments: it receives packed columns and answers with the Parquet file. Encoding 10,000 rows takes about 0.1 s,
// in which the event loop of the main thread could not answer Kafka.
import { parentPort } from 'node:worker_threads'
import type { EncodeRequest, EncodeResponse } from './segment-encoder.ts'
import { encodeParquet } from './parquet.ts'

parentPort?.on('message', ({ columns, metadata }: EncodeRequest) => {
  let response: EncodeResponse
  try {
    response = { file: encodeParquet(columns, metadata) }
  } catch (error) {
    response = { error: error as Error }
  }
  parentPort?.postMessage(response, 'file' in response ? [response.file.buffer as ArrayBuffer] : [])
})
