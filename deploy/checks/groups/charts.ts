// Each chart by Helm's own tools: lint, unit tests (rejected values are tested there, with failedTemplate), generated files, and the
// schemas of the rendered objects.
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Check, type Context, type Group } from '../check.ts'
import { findCharts, render, variantsOf, type Chart, type Variant } from '../helm/charts.ts'
import { outdated } from '../generated.ts'
import { crdSchemas, schemaLocations } from '../tools/schemas.ts'

/** Kinds whose CRDs no package contains; they are judged only if `--crds` names a folder with their CRDs. */
const UNPACKAGED = ['GafaelfawrIngress', 'VaultSecret']

export const charts: Group = {
  name: 'charts',
  about: 'helm lint, helm-unittest, helm-docs and kubeconform for each chart',
  tools: ['helm', 'helm-unittest', 'helm-docs', 'kubeconform', 'schemas'],
  parallel: 2,
  checks: async context => {
    const folders = schemaFolders(context)
    const perChart = (await findCharts(context.root)).filter(({ library }) => !library).map(async chart => {
      const variants = await variantsOf(context.root, chart)
      return [
        { title: `${chart.name} passes helm lint --strict`, run: async () => { await lint(context, variants) } },
        { title: `${chart.name} passes helm-unittest`, run: async () => { await unittest(context, chart) } },
        { title: `${chart.name}: README.md and values.schema.json are current`, run: async () => { await current(context, chart) } },
        { title: `${chart.name} has the version of package.json as appVersion`, run: async () => { await sameVersion(context, chart) } },
        ...variants.map(variant => ({
          title: `${chart.name}, ${variant.title}: kubeconform accepts all objects`,
          run: async () => { await conform(context, variant, await folders) }
        }))
      ] satisfies Check[]
    })
    return (await Promise.all(perChart)).flat()
  }
}

/** Folders of schemas: the packaged ones, those of our charts' own CRDs, and those of `--crds`. */
async function schemaFolders ({ root, crds, scratch, ...context }: Context): Promise<string[]> {
  const schemas = await context.tool('schemas')
  const meta = join(schemas, 'object-meta.json')
  const own = join(scratch, 'own')
  for (const name of await readdir(join(root, 'deploy/helm'))) {
    const folder = join(root, 'deploy/helm', name, 'crds')
    if (await stat(folder).then(() => true, () => false)) await crdSchemas(own, folder, meta)
  }
  if (crds !== undefined) await crdSchemas(join(scratch, 'more'), crds, meta)
  return [own, schemas, join(scratch, 'more')]
}

async function conform (context: Context, variant: Variant, folders: readonly string[]): Promise<void> {
  const { text, objects } = await render(context, variant)
  const skip = ['PodMonitoring', ...context.crds === undefined ? UNPACKAGED : []]
  const program = await context.tool('kubeconform')
  const { code, stdout, stderr } = await context.run(program, ['-strict', '-summary', '-skip', skip.join(), ...schemaLocations(folders)],
    { input: text })
  if (code !== 0) throw new Fault('kubeconform rejects it', stdout + stderr)
  if (!stdout.includes(`Summary: ${objects.length} resource`)) throw new Fault(`expected ${objects.length} objects`, stdout)
}

async function lint (context: Context, variants: readonly Variant[]): Promise<void> {
  const helm = await context.tool('helm')
  for (const { chart, files } of variants)
    await context.must(helm, ['lint', '--strict', '--quiet', ...files.flatMap(file => ['--values', file]), chart.folder])
}

async function unittest (context: Context, { folder }: Chart): Promise<void> {
  const output = await context.must(await context.tool('helm-unittest'), ['--strict', '--with-subchart=false', folder])
  if (!/^Tests:\s+[1-9]\d* passed/m.test(output)) throw new Fault('there are no tests', output)
}

async function current (context: Context, chart: Chart): Promise<void> {
  const old = await outdated(context, chart)
  if (old.length > 0) throw new Fault('not current: run npm run check:deploy -- --write', old.map(({ path }) => path).join('\n'))
}

async function sameVersion ({ root }: Context, { appVersion }: Chart): Promise<void> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string }
  if (appVersion !== version) throw new Fault(`appVersion is ${appVersion}, package.json has ${version}`)
}
