// What can go wrong in the generator: a schema that is not the survey's alert record, a position outside of its visit.
import { defineErrors } from '../pipeline/errors.ts'

export const generatorErrors = defineErrors({
  GENERATOR_SCHEMA_UNUSABLE: { hint: 'Give one self-contained Avro schema of the survey\'s alert record, for example version 11.1 of its schema package.' },
  GENERATOR_OUT_OF_RANGE: { hint: 'Give whole numbers: a visit from 0 to 999999, an index from 0 to alertsInVisit - 1, at most 2000000 alerts in a visit.' },
  FITS_INVALID: { hint: 'Use keywords of at most eight characters A-Z 0-9 _ -, printable ASCII text, finite numbers and as many pixels as the axes say.' }
})
