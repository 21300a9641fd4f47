// Codes of the modes themselves; what a part cannot do has its code in that part's table.
import { defineErrors } from '../pipeline/index.ts'

export const modeErrors = defineErrors({
  STORE_NOT_GIVEN: { hint: 'Give --alert-store, for example --alert-store file:///var/alerts or gs://bucket.', usage: true },
  TOPIC_NOT_EMPTY: { hint: 'Give --create-topic to delete and recreate it: appending would make every simulated visit larger (DMTN-210, 3.5.2.1).' },
  STREAM_INCOMPLETE: { hint: 'Run create-stream again with --create-topic; until then play-stream does not play this topic.' },
  NO_ALERTS: { hint: 'Give an Avro object container file with at least one alert that can be re-encoded.' },
  SCHEMA_NOT_REGISTERED: { hint: 'Run sync-schema first, or give the id with --schema-id.' },
  STOPPED: { hint: 'Run it again to do the whole of it.' },
  DEMO_RUNNING: { hint: 'Stop it first (Ctrl-C there), or give another --state-dir.' },
  DEMO_PART_FAILED: { hint: 'Its log file has the details.' },
  SMOKE_FAILED: { hint: 'The logs are in the state folder, which is kept.' }
})
