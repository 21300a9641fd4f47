// A verified alert with its schema, the input of all forms.
import { resolver } from '../avro/resolution.ts'
import type { AlertSchema } from '../avro/schema.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import { formatErrors } from './errors.ts'

export interface FramedAlert {
  readonly schemaId: number
  readonly schema: AlertSchema
  /** The schema of the same version in the survey's schema package, if there is one. It has docs even if `schema` has none. */
  readonly published?: AlertSchema | undefined
  /** Exactly one datum of the schema. */
  readonly datum: Buffer
}

/** The alert in another schema. Throws DATUM_INVALID, and ALERT_UNRESOLVABLE, whose message names each field that does not resolve. */
export function resolveAlert (alert: FramedAlert, target: Omit<FramedAlert, 'datum'>): FramedAlert {
  try {
    return { ...target, datum: resolver(alert.schema, target.schema)(alert.datum) }
  } catch (error) {
    if (!(error instanceof AlertStreamError) || error.code !== 'RESOLUTION_IMPOSSIBLE') throw error
    throw formatErrors.ALERT_UNRESOLVABLE(error.message, { where: error.where, cause: error })
  }
}
