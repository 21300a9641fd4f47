// Error codes of the alert generator.
import { defineErrors } from '../pipeline/errors.ts'

export const generatorErrors = defineErrors({
  GENERATOR_SCHEMA_UNUSABLE: {
    hint: 'Use one self-contained Avro schema of the survey\'s alert record, for example version 11.1 of its schema package.'
  },
  GENERATOR_OUT_OF_RANGE: {
    hint: 'Use integers: a visit from 0 to 999999, at most 2000000 alerts per visit, an index from 0 to alertsInVisit - 1.'
  }
})
