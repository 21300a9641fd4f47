// The table of modes. Each is loaded only when it is asked for, so that --help and small modes start without Kafka, Fastify or Avro.
import type { Mode } from '../program/mode.ts'

export interface ModeEntry {
  readonly summary: string
  load (): Promise<Mode>
}

// A mode's own flags type its configuration; the table knows only that there are some.
const entry = (summary: string, load: () => Promise<{ readonly default: unknown }>): ModeEntry => ({ summary, load: async () => (await load()).default as Mode })

export const modes: Readonly<Record<string, ModeEntry>> = {
  demo: entry('Run all of it on this machine: Kafka, registry, simulator, archive, API (npm start)', () => import('../modes/demo.ts')),
  generate: entry('Write an Avro file of realistic simulated alerts', () => import('../modes/generate.ts')),
  'sync-schema': entry('Put the alert schemas into the schema registry', () => import('../modes/sync-schema.ts')),
  'create-stream': entry('Load an Avro file into the static topic, re-encoded and framed', () => import('../modes/create-stream.ts')),
  'play-stream': entry('Publish the static topic again and again, every 37 seconds', () => import('../modes/play-stream.ts')),
  'print-stream': entry('Print time, id, history length and size of each alert of a topic', () => import('../modes/print-stream.ts')),
  ingest: entry('Archive every alert and schema of Kafka topics', () => import('../modes/ingest.ts')),
  redrive: entry('Send dead letters back to their topics, after a fix', () => import('../modes/redrive.ts')),
  serve: entry('Serve archived alerts and schemas over HTTP', () => import('../modes/serve.ts')),
  graph: entry('Print the graph that a mode runs, as Mermaid, DOT or JSON', () => import('../modes/graph.ts')),
  config: entry('Print the values that a mode would run with, and where each came from', () => import('../modes/config.ts')),
  healthcheck: entry('Ask whether the alert-stream of this container lives', () => import('../modes/healthcheck.ts'))
}
