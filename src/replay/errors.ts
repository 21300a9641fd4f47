// Error codes of the mode replay.
import { defineErrors, type AlertStreamError } from '../pipeline/errors.ts'

export const replayErrors = defineErrors({
  REPLAY_IDS: { hint: 'Give a file with one alert id per line.', usage: true },
  REPLAY_ALERT_MISSING: { hint: 'With --ids: remove the id or correct --alert-store. Otherwise run again.' },
  REPLAY_INCOMPLETE: {
    hint: 'Run again with --allow-incomplete to send these alerts without the missing key, headers or timestamp.', fatal: true
  },
  REPLAY_TOO_MANY: { hint: 'Replay the visits one by one, or raise --max-alerts and the memory limit of the process.' },
  REPLAY_INDEX_TOO_LARGE: { hint: 'Run again without --index-store, or raise --max-alerts and the memory limit of the process.' },
  REPLAY_INDEX_DIFFERS: {
    hint: 'Run again without --index-store and with the same --group. Use another --group only if that run ends with REPLAY_CHANGED. ' +
      '"alert-stream inspect ID" prints the origin.',
    fatal: true
  },
  REPLAY_TIMESTAMPS: { hint: 'Set message.timestamp.type of the topic to CreateTime, or use another topic.' },
  REPLAY_OTHER_SELECTION: { hint: 'Use another --group for each selection of alerts.' },
  REPLAY_CHANGED: {
    hint: 'Send the new alerts with --ids, or send all alerts again with another --group.'
  },
  REPLAY_CONCURRENT: { hint: 'Wait until the other replay has ended, then run again. Its batch may have been sent twice.', fatal: true },
  REPLAY_LEFT_OUT: { hint: 'The log names each alert. Restore its object, then send it with --ids.' }
})

/** REPLAY_TOO_MANY. */
export function tooManyAlerts (max: number): AlertStreamError {
  return replayErrors.REPLAY_TOO_MANY(`more than ${max} alerts are selected (--max-alerts)`)
}
