// The form `ocf`: an Avro object container file with the one alert, uncompressed. The datum is copied as it is.
import { containerHeader, syncMarker } from '../avro/container-writer.ts'
import { encodeLong } from '../avro/varint.ts'
import type { FramedAlert } from './framed-alert.ts'

/** Throws DATUM_INVALID. The file depends only on schema and datum, so that it can have a strong entity tag. */
export function alertContainer ({ schema, datum }: FramedAlert): Buffer {
  schema.checkDatum(datum)
  const sync = syncMarker(`${schema.name} ${datum.length}`)
  return Buffer.concat([containerHeader(schema.text, 'null', sync), encodeLong(1), encodeLong(datum.length), datum, sync])
}
