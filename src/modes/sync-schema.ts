// sync-schema: registers alert schemas as compact JSON that keeps docs and defaults. Never changes or deletes a registered schema.
import { createRegistryClient, type CompatibilityLevel, type RegistryClient, type SchemaVersion } from '../avro/index.ts'
import { checkSubjectTemplate, subjectFor } from '../avro/subject-template.ts'
import { registryFlags, schemaPackageFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { createGraph, type Sink, type Source } from '../pipeline/index.ts'
import { modeErrors } from './errors.ts'
import { mode } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { schemaPackageOf } from '../program/schema-package-from-flags.ts'

const syncFlags = flags({
  ...registryFlags,
  subject: { type: 'text', default: 'alert-packet', description: 'Subject of the alert schemas.' },
  'subject-template': {
    type: 'text', placeholder: 'TEXT', check: checkSubjectTemplate, example: 'lsst-alerts-v{major}.{minor}-value',
    description: 'Second subject of each schema, with the placeholders {major} and {minor}. A schema has the same id in both subjects. ' +
      'Default: only --subject.'
  },
  all: { type: 'switch', description: 'All versions of the package, instead of the newest one only.' },
  'schema-version': { type: 'text', placeholder: 'MAJOR.MINOR', description: 'Version to register. Default: the newest.' },
  ids: {
    type: 'choice', choices: ['assigned', 'explicit'], default: 'assigned',
    description: 'Schema ids: assigned by the registry, or explicit ids major*100+minor (704 for 7.4), which the registry must support.'
  },
  compatibility: {
    type: 'choice', default: 'NONE',
    choices: ['NONE', 'BACKWARD', 'FORWARD', 'FULL', 'BACKWARD_TRANSITIVE', 'FORWARD_TRANSITIVE', 'FULL_TRANSITIVE'],
    description: 'Compatibility level of the subject. Later schemas of the survey are compatible with earlier ones at level NONE only.'
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

/** A schema and the subject under which to register it. */
interface Registration { readonly subject: string, readonly schema: SchemaVersion }

function registrySink (config: Config, registry: RegistryClient, report: (line: string) => void): Sink<Registration> {
  const levels = new Map<string, string | undefined>()
  // Some registries reject a compatibility level for a subject that does not exist, so a new subject first gets its schema.
  const setLevel = async (subject: string): Promise<void> => {
    const level = levels.get(subject) ?? await registry.compatibility(subject)
    if (level !== config.compatibility) await registry.setCompatibility(subject, config.compatibility as CompatibilityLevel)
    levels.set(subject, config.compatibility)
  }
  return {
    kind: 'schema registry',
    detail: `${config.schemaRegistryUrl}, ids ${config.ids}`,
    async write ({ subject, schema }) {
      const exists = (await registry.versions(subject)).length > 0
      if (exists) await setLevel(subject)
      const done = await registry.register(subject, schema.text, config.ids === 'explicit' ? { id: schema.id } : {})
      if (!exists) await setLevel(subject)
      const known = done.text === schema.text ? 'already registered' : 'already registered in another spelling'
      const outcome = done.created ? 'registered' : known
      report(`schema ${schema.version}: id ${done.id}, version ${done.version} of subject ${subject}, ${outcome}\n`)
    }
  }
}

/** The subjects of a schema version. A template may yield the main subject, which is then listed once. */
function subjectsOf ({ subject, subjectTemplate }: Config, { version }: SchemaVersion): readonly string[] {
  return subjectTemplate === undefined ? [subject] : [...new Set([subject, subjectFor(subjectTemplate, version)])]
}

function declare (config: Config, versions: () => readonly SchemaVersion[], registry: RegistryClient, report: (line: string) => void) {
  const graph = createGraph('sync-schema')
  const subjects = [config.subject, config.subjectTemplate].filter(subject => subject !== undefined).join(' and ')
  graph.source('schemas', versionsSource(config, versions))
    .split('subjects', schema => subjectsOf(config, schema).map(subject => ({ subject, schema })), { kind: 'split', detail: subjects })
    .to('registry', registrySink(config, registry, report))
  return graph.build()
}

export default mode({
  mode: 'sync-schema',
  about: 'Registers schemas with their docs and defaults, and reads each back by its id. Schemas that are already registered do not ' +
    'change, and nothing is deleted.',
  examples: [
    'alert-stream sync-schema --schema-registry-url http://localhost:8081', 'alert-stream sync-schema --all --ids explicit',
    "alert-stream sync-schema --all --ids explicit --subject-template 'lsst-alerts-v{major}.{minor}-value'"
  ],
  flags: syncFlags,
  describe: config => declare(config, () => [], createRegistryClient({ url: config.schemaRegistryUrl }), () => {}).describe(),
  async run (config, _positionals, host) {
    if (config.all && config.schemaVersion !== undefined) {
      throw usageErrors.USAGE_BAD_VALUE('--all and --schema-version cannot be used together', { where: 'sync-schema' })
    }
    const schemas = await schemaPackageOf(config, host)
    const chosen = config.schemaVersion === undefined ? schemas.latest : schemas.get(config.schemaVersion)
    const versions = config.all ? schemas.versions : [chosen]
    const registry = createRegistryClient({ url: config.schemaRegistryUrl, log: host.log })
    await registry.check()
    let done = 0
    await runToEnd(declare(config, () => versions, registry, line => {
      done++
      void host.print(line)
    }), host)
    const total = versions.reduce((sum, version) => sum + subjectsOf(config, version).length, 0)
    if (done < total) {
      throw modeErrors.STOPPED(`stopped after ${done} of ${total} registrations`, { where: config.schemaRegistryUrl })
    }
  }
})
