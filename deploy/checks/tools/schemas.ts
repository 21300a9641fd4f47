// The JSON schemas of kubeconform: those of Kubernetes are in a wheel, those of operators are made from CustomResourceDefinitions by
// kubeconform's own script. An object that lists its properties takes no others, as with the API server's strict validation.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { copyJars } from '../../../src/devstack/maven.ts'
import { requireMaven } from '../../../src/devstack/prerequisites.ts'
import type { ToolOptions } from '../../../src/devstack/tools.ts'
import type { Recipe } from './recipes.ts'

type Must = (program: string, args: readonly string[], options?: Partial<ToolOptions>) => Promise<string>

/** Programs of the conversion: kubeconform's script, and checkov, which brings the YAML parser that the script imports. */
export const CONVERTER = ['kubeconform-script', 'checkov'] as const

/** The schemas of a wheel. They refer to each other by paths of a web server, which become relative here. */
export function relative (recipe: Recipe): Recipe {
  return {
    ...recipe,
    pins: [recipe.pins, 'relative'],
    fetch: async (into, help) => {
      await recipe.fetch(into, help)
      const edits = 's#/api/_definitions#_definitions#; s#"\\$id": "https:.*"#"$comment": ""#'
      await help.must('sh', ['-c', `sed -i '${edits}' ./*.json`], { cwd: join(into, recipe.path) })
    }
  }
}

/** Schemas of the CRDs in the folders of some tools. */
export function crdSchemas (crds: Readonly<Record<string, Recipe>>): Recipe {
  return {
    title: 'Schemas of the operators',
    path: '.',
    pins: Object.values(crds).map(({ pins }) => pins),
    needs: [...Object.keys(crds), ...CONVERTER],
    fetch: async (into, { must, tool }) => {
      const [script = '', checkov = ''] = await Promise.all(CONVERTER.map(tool))
      for (const name of Object.keys(crds)) await convert(must, script, checkov, await tool(name), into)
    }
  }
}

/** Converts the CRDs in a folder. */
export async function convert (must: Must, script: string, checkov: string, folder: string, into: string): Promise<void> {
  const env = { ...process.env, PYTHONPATH: dirname(dirname(checkov)), DENY_ROOT_ADDITIONAL_PROPERTIES: '1',
    FILENAME_FORMAT: '{kind}-{fullgroup}-{version}' }
  const files = (await readdir(folder)).filter(name => /\.ya?ml$/.test(name)).map(name => join(folder, name))
  await must('python3', [join(script, 'openapi2jsonschema.py'), ...files], { cwd: into, env })
}

/** Strimzi's CRDs, which no package contains, generated from its Java classes as its own build does. */
export function strimziCrds (version: string, jars: string): Recipe {
  const kinds = ['kafka.Kafka', 'topic.KafkaTopic', 'user.KafkaUser', 'nodepool.KafkaNodePool', 'rebalance.KafkaRebalance']
  return {
    title: `CRDs of Strimzi ${version}`,
    path: '.',
    pins: [version, jars, kinds],
    needs: ['java'],
    fetch: async (into, { must, tool }) => {
      const work = await mkdtemp(join(into, 'work-'))
      const mvn = await requireMaven(process.env)
      const artifacts = ['crd-generator', 'api'].map(name => `io.strimzi:${name}:${version}`)
      await copyJars(async args => { await must(mvn, args) }, work, { title: 'Strimzi', artifacts, pinned: jars })
      const files = kinds.map(kind => `io.strimzi.api.kafka.model.${kind}=${join(into, `${kind.split('.')[0]}.yaml`)}`)
      await must(await tool('java'), ['-cp', join(work, '*'), 'io.strimzi.crdgenerator.CrdGenerator', '--target-kube', '1.16+',
        '--crd-api-version', 'v1', '--yaml', ...files])
      await rm(work, { recursive: true })
    }
  }
}
