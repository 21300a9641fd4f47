// generate: writes an Avro object container file of simulated alerts. The same flags produce the same bytes on any machine.
import { codecNames, type AlertValue, type CodecName, type SchemaVersion } from '../avro/index.ts'
import { schemaPackageFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { usageErrors } from '../config/errors.ts'
import { createAlertGenerator } from '../generator/alert-generator.ts'
import { alertProfiles, profileNames } from '../generator/profiles.ts'
import { createGraph, noRetry, type Source } from '../pipeline/index.ts'
import { avroFileSink } from '../sinks/avro-file.ts'
import { modeErrors } from './errors.ts'
import { counted } from '../print/counted.ts'
import { mode } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { schemaPackageOf } from '../program/schema-package-from-flags.ts'

const generateFlags = flags({
  visits: { type: 'integer', min: 1, max: 1_000_000, default: 1, description: 'Number of visits in the file, 37 s apart.' },
  alerts: { type: 'integer', min: 1, max: 2_000_000, default: 10_000, description: 'Number of alerts per visit.' },
  'schema-version': {
    type: 'text', placeholder: 'MAJOR.MINOR', example: '11.1', description: 'Version of the alert schema. Default: the newest.'
  },
  profile: {
    type: 'choice', choices: profileNames, default: 'design',
    description: 'Kind of alerts. design: the survey\'s design, 82 KB on average. rubin-2026: as Rubin publishes them, 112 KB on average ' +
      'and up to 500 KB, with long light curves, NaN for unmeasured numbers and cutouts without CTYPE and CUNIT; schema 9.0 or newer.'
  },
  seed: { type: 'integer', min: 0, default: 1, description: 'Seed of the random number generator. The same seed produces the same file.' },
  codec: { type: 'choice', choices: codecNames, default: 'null', description: 'Compression codec of the Avro blocks.' },
  ...schemaPackageFlags
})
type Config = ConfigOf<typeof generateFlags>

/** Major version of the schema of the first alerts of the profile rubin-2026. */
const FIRST_PUBLIC_MAJOR = 9

function alertSource (config: Config, version: () => SchemaVersion): Source<AlertValue> {
  return {
    kind: 'generator',
    detail: `${counted(config.visits, 'visit')} of ${counted(config.alerts, 'alert')}, ${config.profile}, ` +
      `schema ${config.schemaVersion ?? 'newest'}, seed ${config.seed}`,
    async * records ({ drain }) {
      const { profile, seed } = config
      const { meanBytes: bytes } = alertProfiles[profile]
      const generator = createAlertGenerator({ schema: JSON.parse(version().text), schemaVersion: version().version, seed, profile })
      for (let visit = 0; visit < config.visits; visit++) {
        for (let index = 0; index < config.alerts; index++) {
          if (drain.aborted) return
          yield { value: generator.alert(visit, index, config.alerts), bytes, position: `visit ${visit} alert ${index}` }
        }
      }
    }
  }
}

/** Error: USAGE_BAD_VALUE if Rubin has published no alerts of the profile with this schema. */
function checkVersion ({ profile }: Config, { version }: SchemaVersion): void {
  if (profile === 'design' || Number.parseInt(version) >= FIRST_PUBLIC_MAJOR) return
  throw usageErrors.USAGE_BAD_VALUE(`--profile ${profile} needs schema ${FIRST_PUBLIC_MAJOR}.0 or newer, not ${version}`, {
    where: 'generate', hint: 'Give a newer --schema-version, or omit --profile.'
  })
}

function declare (config: Config, path: string, version: () => SchemaVersion) {
  const graph = createGraph('generate', { retry: noRetry })
  const options = { codec: config.codec as CodecName, syncMarker: `seed ${config.seed}` }
  const sink = avroFileSink(path, () => version().schema, options, written => written === config.visits * config.alerts)
  graph.source('alerts', alertSource(config, version), { records: 64 }).to('avro-file', sink)
  return { graph: graph.build(), sink }
}

export default mode({
  mode: 'generate',
  about: 'Each alert has the fields of the survey\'s schema, three FITS cutouts, and light curves of previous detections and forced ' +
    'photometry. Positions, fluxes and images are simulated: they are plausible, but not real.',
  examples: [
    'alert-stream generate visit.avro --alerts 1000', 'alert-stream generate today.avro --profile rubin-2026',
    'alert-stream generate old.avro --schema-version 7.4 --seed 7'
  ],
  positionals: [{ name: 'FILE', description: 'the Avro file to write; an existing file is replaced when the new one is complete' }],
  flags: generateFlags,
  describe: (config, [path = 'FILE']) => {
    return declare(config, path, () => { throw new Error('describing the graph needs no schema') }).graph.describe()
  },
  async run (config, [path = ''], host) {
    const schemas = await schemaPackageOf(config, host)
    const version = config.schemaVersion === undefined ? schemas.latest : schemas.get(config.schemaVersion)
    checkVersion(config, version)
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
    if (!sink.complete) throw modeErrors.STOPPED('stopped before the last alert, so the file was not written', { where: path })
    const visits = counted(config.visits, 'visit')
    await host.print(`generated ${run.meters().at(-1)?.out} alerts of schema ${version.version} in ${visits}: ${path}\n`)
  }
})
