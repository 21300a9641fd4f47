// Flags of the demo, and the settings derived from them.
import { resolve } from 'node:path'
import { compressionFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { alertProfiles, profileNames } from '../generator/profiles.ts'

export const demoFlags = flags({
  alerts: {
    type: 'integer', min: 1, max: 2_000_000,
    description: 'Alerts per visit. Default: 1000, or 200 with --smoke. A real visit has 10,000 (820 MB in Kafka, 400 MB archived).'
  },
  visits: { type: 'integer', min: 1, max: 1000, default: 1, description: 'Number of different visits, 37 s apart, in one pass.' },
  interval: { type: 'number', min: 0, placeholder: 'SECONDS', description: 'Seconds between the starts of passes. Default: 37 per visit.' },
  fresh: { type: 'switch', description: 'New ids and times in each pass (play-stream --fresh-ids), so every alert is new to the archive.' },
  port: { type: 'integer', min: 0, max: 65535, default: 3000, description: 'Port of the API. If the port is in use, a free port is used.' },
  file: { type: 'text', placeholder: 'PATH', description: 'Avro file of alerts to play (schema 3.0 to 11.1). Default: generated alerts.' },
  'fill-in': { type: 'switch', description: 'Default values for required fields that --file does not have (see create-stream --fill-in).' },
  profile: {
    type: 'choice', choices: profileNames, default: 'design',
    description: 'Kind of generated alerts (see generate). rubin-2026: as Rubin publishes them, 112 KB on average.'
  },
  seed: { type: 'integer', min: 0, default: 1, description: 'Seed of the generated alerts.' },
  passes: { type: 'integer', min: 1, placeholder: 'N', description: 'Passes to archive before the demo stops. Default: no limit.' },
  broker: { type: 'list', placeholder: 'HOST:PORT,...', description: 'Bootstrap brokers of an existing Kafka. Default: start one.' },
  'schema-registry-url': { type: 'text', placeholder: 'URL', description: 'URL of an existing schema registry. Default: start one.' },
  store: {
    type: 'choice', choices: ['file', 'gs', 's3'], default: 'file',
    description: 'Archive in a folder (file), in a GCS emulator (gs) or in an S3 server that keeps objects in memory (s3).'
  },
  ...compressionFlags,
  'state-dir': {
    type: 'text', placeholder: 'PATH', description: 'Folder for all data. Delete it to reset. Default: .alert-stream in the working folder.'
  },
  'cache-dir': { type: 'text', placeholder: 'PATH', description: 'Folder for downloads. Default: ~/.cache/alert-stream (XDG_CACHE_HOME).' },
  secure: {
    type: 'switch', description: 'Secured Kafka: mTLS for internal clients, SCRAM over TLS for external clients, ACLs of deploy/acls.json.'
  },
  smoke: {
    type: 'switch',
    description: 'Smoke test: one pass in a separate folder. Compares all alerts in Kafka, archive and API. Exit code 1 if any differs.'
  }
})
export type DemoConfig = ConfigOf<typeof demoFlags>

export const topics = { static: 'alerts-static', simulated: 'alerts-simulated', deadLetters: 'alerts-dead-letters' } as const
export const group = 'alertdb-ingester'
export const indexGroup = 'alertdb-index'
export const partitions = 4
const VISIT_SECONDS = 37
const DEFAULT_ALERTS = 1000
const SMOKE_ALERTS = 200
/** Number of passes that the simulated topic retains for late consumers. */
const PASSES_KEPT = 3
/** Frame, key and headers, relative to the Avro datum. */
const RECORD_OVERHEAD = 1.04
const MIN_RETENTION_BYTES = 64 * 1024 * 1024

export interface Settings {
  readonly config: DemoConfig
  readonly stateDir: string
  /** Alerts per visit. */
  readonly alerts: number
  /** Whether alerts are indexed: not in a smoke test. */
  readonly indexed: boolean
  /** Seconds between the starts of passes. Undefined for a single pass. */
  readonly intervalSeconds: number | undefined
  /** retention.bytes of the simulated topic, per partition, so that the demo does not fill the disk. */
  readonly retentionBytes: number
}

export function settingsOf (config: DemoConfig, cwd: string): Settings {
  const stateDir = resolve(cwd, config.stateDir ?? (config.smoke ? '.alert-stream-smoke' : '.alert-stream'))
  const alerts = config.alerts ?? (config.smoke ? SMOKE_ALERTS : DEFAULT_ALERTS)
  const alertBytes = alertProfiles[config.profile].meanBytes * RECORD_OVERHEAD
  return {
    config,
    stateDir,
    alerts,
    indexed: !config.smoke,
    intervalSeconds: config.smoke ? undefined : config.interval ?? VISIT_SECONDS * config.visits,
    retentionBytes: Math.max(MIN_RETENTION_BYTES, Math.ceil(PASSES_KEPT * alerts * config.visits * alertBytes / partitions))
  }
}
