// Reads the metadata of a segment from its Parquet footer.
import { parquetMetadata } from 'hyparquet'
import { metadataKey, type SegmentMetadata } from './segment.ts'

/** Returns undefined if the bytes are no segment of the index. */
export function segmentMetadata (file: Uint8Array): SegmentMetadata | undefined {
  try {
    const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer
    const text = parquetMetadata(bytes).key_value_metadata?.find(({ key }) => key === metadataKey)?.value
    const metadata = text === undefined ? undefined : JSON.parse(text) as SegmentMetadata
    return metadata?.version === 1 ? metadata : undefined
  } catch {
    return undefined
  }
}
