// Errors of the forms of an alert. The HTTP server answers each code with a status of its own (src/api/problems.ts).
import { defineErrors } from '../pipeline/errors.ts'

export const formatErrors = defineErrors({
  ALERT_NOT_CANONICAL: { hint: 'Request the form json, or the alert as it was in Kafka.' },
  ALERT_UNRESOLVABLE: { hint: 'Request the alert without the parameter schema, or with another version.' },
  ALERT_SCHEMA_MISSING: { hint: 'Request the alert as it was in Kafka, without format and schema.' },
  SCHEMA_VERSION_MISSING: { hint: 'Request a version that alerts of this archive were published with.' },
  LIGHT_CURVE_TOO_LARGE: { hint: 'Request a shorter time range (since, until).' },
  CUTOUT_MISSING: { hint: 'Not every alert has every cutout. Request format=json to see its fields.' },
  CUTOUT_DAMAGED: { hint: 'Request the alert with format=json to get the bytes of the cutout as they are.' },
  CUTOUT_NO_WCS: { hint: 'Request the cutout without orientation=north.' }
})
