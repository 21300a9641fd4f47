// The demo's flags, and what follows from them: topics, sizes, folders.
import { join, resolve } from 'node:path'
import { flags, type ConfigOf } from '../config/flags.ts'

export const demoFlags = flags({
  alerts: { type: 'integer', min: 1, max: 2_000_000, description: 'Alerts per visit; default 1000 (with --smoke 200). A real visit has about 10,000, which takes 820 MB of disk in Kafka and 400 MB in the archive.' },
  visits: { type: 'integer', min: 1, max: 1000, default: 1, description: 'Different visits, 37 s apart, that one pass of the simulator plays.' },
  interval: { type: 'number', min: 0, placeholder: 'SECONDS', description: 'Seconds from one pass to the next; default 37 for each visit.' },
  fresh: { type: 'switch', description: 'A live sky: each pass has new ids and times (see play-stream --fresh-ids), so that every one of its alerts is archived, 40 KB each.' },
  port: { type: 'integer', min: 0, max: 65535, default: 3000, description: 'Port of the API; a free one is taken, and said, where it is in use.' },
  file: { type: 'text', placeholder: 'PATH', description: 'Play this Avro file of alerts (schema 3.0 to 11.1) instead of simulated ones.' },
  'fill-in': { type: 'switch', description: 'For --file with older alerts: fill in what the newest schema requires and they lack (see create-stream --help).' },
  seed: { type: 'integer', min: 0, default: 1, description: 'Seed of the simulated alerts.' },
  passes: { type: 'integer', min: 1, placeholder: 'N', description: 'Stop by itself after so many passes are archived; default: run until Ctrl-C.' },
  broker: { type: 'list', placeholder: 'HOST:PORT,...', description: 'Use this Kafka instead of starting one.' },
  'schema-registry-url': { type: 'text', placeholder: 'URL', description: 'Use this schema registry instead of starting one.' },
  store: { type: 'choice', choices: ['file', 'gs'], default: 'file', description: 'Archive in a folder of files, or in two buckets of an emulator of Google Cloud Storage that is started for it.' },
  'state-dir': { type: 'text', placeholder: 'PATH', description: 'Where data of Kafka, registry and archive are kept; default .alert-stream in the working folder. Delete it to begin anew.' },
  'cache-dir': { type: 'text', placeholder: 'PATH', description: 'Where downloads are kept; default ~/.cache/alert-stream (XDG_CACHE_HOME is honoured).' },
  secure: { type: 'switch', description: 'Lock Kafka\'s doors: mutual TLS for the parts of the demo, SCRAM-SHA-512 over TLS for others, and rules for each user (deploy/acls.json).' },
  smoke: { type: 'switch', description: 'One pass in a state folder of its own, every alert compared byte for byte between Kafka, archive and API; exit 1 if anything differs.' }
})
export type DemoConfig = ConfigOf<typeof demoFlags>

export const topics = { static: 'alerts-static', simulated: 'alerts-simulated', deadLetters: 'alerts-dead-letters' } as const
export const group = 'alertdb-ingester'
export const partitions = 4
const VISIT_SECONDS = 37
const SMOKE_ALERTS = 200
const DEFAULT_ALERTS = 1000
/** Three passes of the default visit stay in the topic for late consumers. */
const PASSES_KEPT = 3
const ALERT_BYTES = 85_000

export interface Settings {
  readonly config: DemoConfig
  readonly stateDir: string
  readonly alerts: number
  /** Negative: one pass only. */
  readonly intervalSeconds: number
  readonly archiveDir: string
  /** Retention of the simulated topic, per partition: the demo must not fill the disk. */
  readonly simulatedBytes: number
}

export function settingsOf (config: DemoConfig, cwd: string): Settings {
  const stateDir = resolve(cwd, config.stateDir ?? (config.smoke ? '.alert-stream-smoke' : '.alert-stream'))
  const alerts = config.alerts ?? (config.smoke ? SMOKE_ALERTS : DEFAULT_ALERTS)
  return {
    config,
    stateDir,
    alerts,
    intervalSeconds: config.smoke ? -1 : config.interval ?? VISIT_SECONDS * config.visits,
    archiveDir: join(stateDir, 'archive'),
    simulatedBytes: Math.max(64 * 1024 * 1024, Math.ceil(PASSES_KEPT * alerts * config.visits * ALERT_BYTES / partitions))
  }
}
