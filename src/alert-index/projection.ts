// Projects a frame to a row of the index. Of the datum, only the fields before the end of the triggering source are decoded.
import { hash } from 'node:crypto'
import { surveyAliases } from '../avro/survey-aliases.ts'
import type { FieldToRead } from '../avro/field-reader.ts'
import type { WriterSchema } from '../avro/writer-schema.ts'
import { decodeId, type PackedIdFormat } from '../ids/packed-id.ts'
import { healpixNested } from './healpix.ts'
import type { Delivery, IndexRow, SourceFields } from './row.ts'

interface IndexableFrame {
  readonly frame: Buffer
  readonly schemaId: number
  readonly datum: Buffer
}

/** Errors: DATUM_INVALID, SCHEMA_NO_ALERT_ID (bad records). */
export type Projection = (frame: IndexableFrame, delivery: Delivery) => IndexRow

const fields = {
  visit: 'long', detector: 'number', diaObjectId: 'long', ssObjectId: 'long', midpointMjdTai: 'number', ra: 'number', dec: 'number',
  band: 'text', psfFlux: 'number', psfFluxErr: 'number', snr: 'number', reliability: 'number'
} as const satisfies Partial<Record<keyof SourceFields, FieldToRead['as']>>

const toRead = Object.entries(fields).map(([name, as]): FieldToRead => ({ names: [name, ...surveyAliases['diaSource']?.[name] ?? []], as }))
const order = 29

/** Compiles the projection of a schema. Fields that the schema does not have are null. */
export function projectionOf (schema: WriterSchema, packedIds: PackedIdFormat): Projection {
  const read = schema.fieldsReader(['diaSource'], toRead) ?? (() => toRead.map(() => null))
  let night = { text: '', number: 0 }
  const nightOf = (id: bigint): number | null => {
    const text = decodeId(id, packedIds)?.night
    if (text === undefined) return null
    if (text !== night.text) night = { text, number: Number(text) }
    return night.number
  }
  return ({ frame, schemaId, datum }, delivery) => {
    const id = schema.alertIdOf(datum)
    const [visit, detector, diaObjectId, ssObjectId, midpointMjdTai, ra, dec, band, psfFlux, psfFluxErr, snr, reliability] =
      read(datum) as [bigint, number, bigint, bigint, number, number, number, string, number, number, number, number]
    return {
      id, night: nightOf(id), visit, detector, diaObjectId: noneIfZero(diaObjectId), ssObjectId: noneIfZero(ssObjectId), midpointMjdTai,
      ra, dec, healpix29: ra === null || dec === null ? null : healpixNested(order, ra, dec) ?? null, band,
      psfFlux, psfFluxErr, snr, reliability, schemaId: BigInt(schemaId), frameBytes: frame.length, sha256: hash('sha256', frame, 'buffer'),
      ...delivery
    }
  }
}

/** In some versions of the schema, the id 0 stands for no object. */
function noneIfZero (id: bigint | null): bigint | null {
  return id === 0n ? null : id
}
