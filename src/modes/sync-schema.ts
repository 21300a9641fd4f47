// sync-schema: puts alert schemas into the registry, whole (docs and defaults kept) and whitespace-free; does nothing where they are there.
import { createRegistryClient, type CompatibilityLevel, type RegistryClient, type SchemaVersion } from '../avro/index.ts'
import { registryFlags, schemaPackageFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { createGraph, type Sink, type Source } from '../pipeline/index.ts'
import { usageErrors } from '../config/errors.ts'
import { modeErrors } from '../program/errors.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { schemaPackageOf } from '../program/schema-package-from-flags.ts'

const syncFlags = flags({
  ...registryFlags,
  subject: { type: 'text', default: 'alert-packet', description: 'Subject of the alert schemas.' },
  all: { type: 'switch', description: 'Every version of the package, not only the newest.' },
  'schema-version': { type: 'text', placeholder: 'MAJOR.MINOR', description: 'This version instead of the newest.' },
  ids: { type: 'choice', choices: ['assigned', 'explicit'], default: 'assigned', description: 'assigned: the registry chooses ids; explicit: major*100+minor (7.4 is 704), if the registry can.' },
  compatibility: {
    type: 'choice', choices: ['NONE', 'BACKWARD', 'FORWARD', 'FULL', 'BACKWARD_TRANSITIVE', 'FORWARD_TRANSITIVE', 'FULL_TRANSITIVE'], default: 'NONE',
    description: 'Compatibility level of the subject; the survey\'s later schemas are refused by any but NONE.'
  },
  ...schemaPackageFlags
})
type Config = ConfigOf<typeof syncFlags>

function versionsSource (config: Config, versions: () => readonly SchemaVersion[]): Source<SchemaVersion> {
  return {
    kind: 'schema package',
    detail: `${config.schemaPackage ?? 'lsst-alert-packet'}, ${config.all ? 'all versions' : config.schemaVersion ?? 'newest version'}`,
    async * records ({ drain }) {
      for (const version of versions()) {
        if (drain.aborted) return
        yield { value: version, bytes: version.text.length, position: version.version }
      }
    }
  }
}

function registrySink (config: Config, registry: RegistryClient, report: (line: string) => void): Sink<SchemaVersion> {
  let level: string | undefined
  // Confluent's registry takes a level before the subject exists; others want the subject first.
  const setLevel = async (): Promise<void> => {
    level ??= await registry.compatibility(config.subject)
    if (level === config.compatibility) return
    await registry.setCompatibility(config.subject, config.compatibility as CompatibilityLevel)
    level = config.compatibility
  }
  return {
    kind: 'schema registry',
    detail: `${config.schemaRegistryUrl}, subject ${config.subject}`,
    async write (version) {
      const known = (await registry.versions(config.subject)).length > 0
      if (known) await setLevel()
      const done = await registry.register(config.subject, version.text, config.ids === 'explicit' ? { id: version.id } : {})
      if (!known) await setLevel()
      report(`schema ${version.version}: id ${done.id}, version ${done.version} of subject ${config.subject}, ${done.created ? 'registered' : 'was there'}\n`)
    }
  }
}

function declare (config: Config, versions: () => readonly SchemaVersion[], registry: RegistryClient, report: (line: string) => void) {
  const graph = createGraph('sync-schema')
  graph.source('schemas', versionsSource(config, versions)).to('registry', registrySink(config, registry, report))
  return graph.build()
}

export default mode({
  mode: 'sync-schema',
  summary: 'Puts the alert schemas into the schema registry.',
  about: 'Schemas keep their docs and defaults. What the registry has already is left alone; nothing is ever deleted. Each id is read back.',
  examples: ['alert-stream sync-schema --schema-registry-url http://localhost:8081', 'alert-stream sync-schema --all --ids explicit'],
  flags: syncFlags,
  describe: config => declare(config, () => [], createRegistryClient({ url: config.schemaRegistryUrl }), () => {}).describe(),
  async run (config, _positionals, host: Host) {
    if (config.all && config.schemaVersion !== undefined) {
      throw usageErrors.USAGE_BAD_VALUE('--all and --schema-version exclude each other', { where: 'sync-schema' })
    }
    const schemas = await schemaPackageOf(config, host)
    const versions = config.all ? schemas.versions : [config.schemaVersion === undefined ? schemas.latest : schemas.get(config.schemaVersion)]
    const registry = createRegistryClient({ url: config.schemaRegistryUrl, log: host.log })
    await registry.check()
    let done = 0
    await runToEnd(declare(config, () => versions, registry, line => {
      done++
      void host.print(line)
    }), host)
    if (done < versions.length) throw modeErrors.STOPPED(`stopped after ${done} of ${versions.length} schemas`, { where: config.schemaRegistryUrl })
  }
})
