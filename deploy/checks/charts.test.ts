// Each chart by Helm's own tools: lint, unit tests (with the refusals of values, as failedTemplate), generated files, and schemas of all
// objects.
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { charts, HELM, render, variants } from './helm/charts.ts'
import { convertCrds } from './tools/recipes.ts'
import { must, ROOT, tool } from './tools/toolbox.ts'
import { valuesSchema } from '../../scripts/values-schema.ts'
import { tempDir } from '../../test/support/stack.ts'

/** Google's operator and two others whose CRDs no package contains; ALERT_STREAM_CRDS names a folder with the latter. */
const UNPACKAGED = ['PodMonitoring', ...process.env.ALERT_STREAM_CRDS === undefined ? ['GafaelfawrIngress', 'VaultSecret'] : []]

const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string }
const own = await tempDir(t)
const crdFolders = [...charts.map(({ folder }) => join(folder, 'crds')), process.env.ALERT_STREAM_CRDS ?? '']
for (const folder of crdFolders) if (await readdir(folder).then(() => true, () => false)) await convertCrds(folder, own, { must, tool })
const locations = [
  join(await tool('kubernetes-schemas'), '{{.ResourceKind}}{{.KindSuffix}}.json'),
  ...[own, await tool('operator-schemas')].map(folder => join(folder, '{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json'))
]

for (const chart of charts) {
  const { name, folder, appVersion } = chart

  await t.test(`${name} passes helm lint --strict`, async () => {
    for (const { files } of variants.filter(variant => variant.chart === chart))
      await must(await tool('helm'), ['lint', '--strict', '--quiet', ...files.flatMap(file => ['--values', file]), folder])
  })

  await t.test(`${name} passes helm-unittest`, async t => {
    const output = await must(await tool('helm-unittest'), ['--strict', '--with-subchart=false', folder])
    t.match(output, /^Tests:\s+[1-9]\d* passed/m)
  })

  await t.test(`${name}/README.md is current (helm-docs)`, async t => {
    const text = await must(await tool('helm-docs'), ['--dry-run', '--log-level', 'warning', '--chart-search-root', folder])
    t.equal((await readFile(join(folder, 'README.md'), 'utf8')).trim(), text.trim(), 'otherwise: npm run check:deploy -- --write')
  })

  await t.test(`${name}/values.schema.json is current`, async t => {
    const found = await readFile(join(folder, 'values.schema.json'), 'utf8')
    t.equal(found, await valuesSchema(folder, HELM), 'otherwise: npm run check:deploy -- --write')
  })

  await t.test(`${name} has the version of package.json as appVersion`, async t => { t.equal(appVersion, version) })
}

await t.test('kubeconform accepts all objects of all charts and environments', async t => {
  let count = 0
  const rendered = await tempDir(t)
  for (const variant of variants) {
    const { text, objects } = await render(variant)
    count += objects.length
    await writeFile(join(rendered, `${variant.chart.name}, ${variant.title}.yaml`), text)
  }
  const options = ['-strict', '-summary', '-skip', UNPACKAGED.join(), ...locations.flatMap(each => ['-schema-location', each])]
  // One run for all, because it compiles each schema once.
  t.match(await must(await tool('kubeconform'), [...options, rendered]), `Summary: ${count} resource`)
})
