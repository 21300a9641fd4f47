// generate: writes an Avro object container file of simulated alerts. The same flags give the same bytes on any machine.
import { codecNames, type AlertValue, type CodecName, type SchemaVersion } from '../avro/index.ts'
import { schemaPackageFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { createAlertGenerator } from '../generator/alert-generator.ts'
import { createGraph, noRetry, type Graph, type Source } from '../pipeline/index.ts'
import { avroFileSink } from '../sinks/avro-file.ts'
import { modeErrors } from '../program/errors.ts'
import { mode } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { schemaPackageOf } from '../program/schema-package-from-flags.ts'

const generateFlags = flags({
  visits: { type: 'integer', min: 1, max: 1_000_000, default: 1, description: 'Visits in the file, 37 s apart.' },
  alerts: { type: 'integer', min: 1, max: 2_000_000, default: 10_000, description: 'Alerts per visit.' },
  'schema-version': { type: 'text', description: 'Version of the alert schema; default: the newest.', example: '11.1', placeholder: 'MAJOR.MINOR' },
  seed: { type: 'integer', min: 0, default: 1, description: 'The same seed gives the same file; another one gives other alerts.' },
  codec: { type: 'choice', choices: codecNames, default: 'null', description: 'Compression of the file\'s blocks.' },
  ...schemaPackageFlags
})
type Config = ConfigOf<typeof generateFlags>

function alertSource (config: Config, version: () => SchemaVersion): Source<AlertValue> {
  return {
    kind: 'generator',
    detail: `${config.visits} visits of ${config.alerts} alerts, schema ${config.schemaVersion ?? 'newest'}, seed ${config.seed}`,
    async * records ({ drain }) {
      const generator = createAlertGenerator({ schema: JSON.parse(version().text), schemaVersion: version().version, seed: config.seed })
      for (let visit = 0; visit < config.visits; visit++) {
        for (let index = 0; index < config.alerts; index++) {
          if (drain.aborted) return
          yield { value: generator.alert(visit, index, config.alerts), bytes: 82_000, position: `visit ${visit} alert ${index}` }
        }
      }
    }
  }
}

function declare (config: Config, path: string, version: () => SchemaVersion) {
  const graph = createGraph('generate', { retry: noRetry })
  const sink = avroFileSink(path, () => version().schema, { codec: config.codec as CodecName, syncMarker: `seed ${config.seed}` }, written => written === config.visits * config.alerts)
  graph.source('alerts', alertSource(config, version), { records: 64 }).to('avro-file', sink)
  return { graph: graph.build() satisfies Graph, sink }
}

export default mode({
  mode: 'generate',
  summary: 'Writes an Avro file of realistic simulated alerts.',
  about: 'Alerts have the field layout of the survey\'s schema, three FITS cutouts, light curves of prior and forced sources, about 82 KB each with a long tail. They are simulated: sky positions, fluxes and images are plausible, not real.',
  examples: ['alert-stream generate visit.avro --alerts 1000', 'alert-stream generate old.avro --schema-version 7.4 --seed 7'],
  positionals: [{ name: 'FILE', description: 'the Avro file to write; it is replaced only when the new one is whole' }],
  flags: generateFlags,
  describe: (config, [path = 'FILE']) => declare(config, path, () => { throw new Error('a description needs no schema') }).graph.describe(),
  async run (config, [path = ''], host) {
    const schemas = await schemaPackageOf(config, host)
    const version = config.schemaVersion === undefined ? schemas.latest : schemas.get(config.schemaVersion)
    const { graph, sink } = declare(config, path, () => version)
    const total = config.visits * config.alerts
    const run = await runToEnd(graph, host, {
      onRun: run => {
        const timer = setInterval(() => host.progress(`generating: ${run.meters().at(-1)?.out ?? 0} of ${total} alerts`), 200)
        run.done.catch(() => {}).finally(() => clearInterval(timer)).catch(() => {})
      }
    })
    host.progress(undefined)
    if (sink.failure !== undefined) throw sink.failure
    if (!sink.complete) throw modeErrors.STOPPED('the file was not written: the generator was stopped before its last alert', { where: path })
    await host.print(`generated ${run.meters().at(-1)?.out} alerts of schema ${version.version} in ${config.visits === 1 ? '1 visit' : `${config.visits} visits`}: ${path}\n`)
  }
})
