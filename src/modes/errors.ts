// Error codes of the modes create-stream, generate and sync-schema.
import { defineErrors } from '../pipeline/errors.ts'

export const modeErrors = defineErrors({
  TOPIC_NOT_EMPTY: {
    hint: 'Add --create-topic to delete and recreate the topic. Appending would make every simulated visit larger (DMTN-210, 3.5.2.1).'
  },
  STREAM_INCOMPLETE: { hint: 'Run create-stream again with --create-topic. Until then, play-stream does not play the topic.' },
  NO_ALERTS: { hint: 'Use an Avro object container file with at least one alert that can be re-encoded.' },
  SCHEMA_NOT_REGISTERED: { hint: 'Run sync-schema first, or set --schema-id.' },
  STOPPED: { hint: 'Run the command again to complete it.' }
})
