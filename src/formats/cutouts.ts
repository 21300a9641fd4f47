// The cutouts of an alert: FITS files in fields of type bytes.
import { readFits, type Hdu } from '../fits/reader.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import { formatErrors } from './errors.ts'
import type { FramedAlert } from './framed-alert.ts'

export const cutoutKinds = ['difference', 'science', 'template'] as const
export type CutoutKind = typeof cutoutKinds[number]

const fields: Readonly<Record<CutoutKind, string>> = {
  difference: 'cutoutDifference', science: 'cutoutScience', template: 'cutoutTemplate'
}

/** The bytes of a cutout. Throws CUTOUT_MISSING with the reason if the alert has none, and DATUM_INVALID. */
export function cutoutBytes ({ schema, datum }: Pick<FramedAlert, 'schema' | 'datum'>, kind: CutoutKind): Buffer {
  return cutoutIn(schema.decode(datum), kind) ?? missing(schema.name, kind, schema.root.fields.some(({ name }) => name === fields[kind]))
}

/** The bytes of a cutout in a decoded alert. Undefined if the alert has no such cutout. */
export function cutoutIn (alert: Readonly<Record<string, unknown>>, kind: CutoutKind): Buffer | undefined {
  const bytes = alert[fields[kind]]
  return Buffer.isBuffer(bytes) ? bytes : undefined
}

function missing (schema: string, kind: CutoutKind, isField: boolean): never {
  const reason = isField ? `its field ${fields[kind]} is null` : `the schema ${schema} has no field ${fields[kind]}`
  throw formatErrors.CUTOUT_MISSING(`the alert has no ${kind} cutout: ${reason}`)
}

/** A cutout that is a FITS file, as it is in the alert. Throws like `cutoutBytes`, and CUTOUT_DAMAGED if it is not a FITS file. */
export function cutoutFile (alert: Pick<FramedAlert, 'schema' | 'datum'>, kind: CutoutKind): Buffer {
  const bytes = cutoutBytes(alert, kind)
  readCutout(bytes, kind)
  return bytes
}

/** The HDUs of a cutout. Throws CUTOUT_DAMAGED if it is not a FITS file. */
export function readCutout (bytes: Buffer, kind: CutoutKind): Hdu[] {
  return damagedIfUnreadable(kind, () => readFits(bytes, fields[kind]))
}

/** Calls `read` and turns its FITS_UNREADABLE into CUTOUT_DAMAGED. */
export function damagedIfUnreadable<T> (kind: CutoutKind, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof AlertStreamError) || error.code !== 'FITS_UNREADABLE') throw error
    throw formatErrors.CUTOUT_DAMAGED(`the ${kind} cutout is damaged: ${error.message}`, { where: error.where, cause: error })
  }
}
