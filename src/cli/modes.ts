// The table of modes. A mode is imported on first use only, so that --help and small modes start without loading Kafka, Fastify and Avro.
import { commonFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { didYouMean } from '../config/nearest.ts'
import type { Flags } from '../config/flags.ts'
import type { ListedMode, Mode, ModeCatalogue } from '../program/mode.ts'

interface ModeEntry {
  readonly summary: string
  load (): Promise<{ readonly default: unknown }>
}

const table: Readonly<Record<string, ModeEntry>> = {
  demo: { summary: 'Run the whole system on this machine, from Kafka to the API (npm start)', load: () => import('../modes/demo.ts') },
  generate: { summary: 'Write an Avro file of simulated alerts', load: () => import('../modes/generate.ts') },
  'sync-schema': { summary: 'Register the alert schemas in the schema registry', load: () => import('../modes/sync-schema.ts') },
  'create-stream': { summary: 'Load an Avro file of alerts into the static topic', load: () => import('../modes/create-stream.ts') },
  'play-stream': { summary: 'Replay the static topic every 37 seconds', load: () => import('../modes/play-stream.ts') },
  'print-stream': { summary: 'Print one line per alert or dead letter of a topic', load: () => import('../modes/print-stream.ts') },
  ingest: { summary: 'Archive all alerts of Kafka topics, and their schemas', load: () => import('../modes/ingest.ts') },
  index: { summary: 'Index the alerts of Kafka topics or of an archive, as Parquet objects', load: () => import('../modes/index.ts') },
  compact: { summary: 'Compact the index of finished nights, and write their manifests', load: () => import('../modes/compact.ts') },
  verify: { summary: 'Check the archive against the committed records, or the index of a night', load: () => import('../modes/verify.ts') },
  list: { summary: 'Print the ids of archived alerts by night, visit, detector or first digits', load: () => import('../modes/list.ts') },
  redrive: { summary: 'Send dead letters back to their original topics', load: () => import('../modes/redrive.ts') },
  replay: { summary: 'Republish archived alerts with their original key, headers and timestamp', load: () => import('../modes/replay.ts') },
  inspect: { summary: 'Describe one archived alert: its origin in Kafka, and any damage', load: () => import('../modes/inspect.ts') },
  serve: { summary: 'Serve archived alerts and schemas over HTTP', load: () => import('../modes/serve.ts') },
  copy: { summary: 'Copy an archive to another store or layout', load: () => import('../modes/copy.ts') },
  export: { summary: 'Write the alerts of a night as Avro container files or Parquet tables', load: () => import('../modes/export.ts') },
  graph: { summary: 'Print the graph of a mode as Mermaid, DOT or JSON', load: () => import('../modes/graph.ts') },
  config: { summary: 'Print the effective configuration of a mode and the source of each value', load: () => import('../modes/config.ts') },
  healthcheck: { summary: 'Check that the alert-stream process of this container is alive', load: () => import('../modes/healthcheck.ts') }
}

const names = Object.keys(table)

async function find (name: string): Promise<ListedMode> {
  const entry = Object.hasOwn(table, name) ? table[name] : undefined
  if (entry === undefined) throw usageErrors.USAGE_UNKNOWN_MODE(`unknown mode '${name}'`, { hint: didYouMean(name, names) })
  const mode = (await entry.load()).default as Mode<Flags>
  return { ...mode, summary: entry.summary, flags: { ...mode.flags, ...commonFlags } }
}

export const modes: ModeCatalogue = { names, find, all: async () => await Promise.all(names.map(find)) }

/** Returns the text of `alert-stream --help` without loading a mode. */
export function overview (): string {
  const width = Math.max(...names.map(name => name.length))
  return [
    'Usage: alert-stream MODE [flags]', '',
    'Distributes astronomical alerts: from Avro files through Kafka into an archive that is served over HTTP.', '',
    'Modes:', ...Object.entries(table).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`), '',
    'Run "alert-stream MODE --help" for the flags of a mode, and "npm start" for a demo of the whole system.'
  ].join('\n') + '\n'
}
