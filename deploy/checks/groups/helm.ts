// The charts: each passes Helm's own lint and tests, renders with all values there are, and what it renders is accepted, restricted and
// findable.
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, none, type Check, type Context, type Group, type Skipped } from '../check.ts'
import { firstDifference } from '../difference.ts'
import { environmentNames, findCharts, SHARED, variantsOf, type Chart, type Variant } from '../helm/charts.ts'
import { elsewhere, makeJudge, unjudged, type Judge } from '../helm/kubeconform.ts'
import { doubleFaults, labelFaults, matchFaults, namespaceFaults, selectorFaults } from '../helm/objects.ts'
import { operatorFaults } from '../helm/operator.ts'
import { podFaults } from '../helm/pods.ts'
import { readme } from '../helm/readme.ts'
import { asksForValues, render, renderingsOf, titleOf, type Rendered, type Rendering } from '../helm/render.ts'
import { systemObjects } from '../helm/system.ts'
import { refusesUnknownKeys, undocumented, unused } from '../helm/values.ts'
import { wiringFaults } from '../helm/wiring.ts'

export const helm: Group = {
  name: 'helm',
  about: 'the Helm charts with all their values, and what they render',
  tools: ['helm', 'kubeconform', 'schemas', 'helm-docs', 'helm-unittest'],
  claims: ['helm', 'environments', 'argocd'],
  atOnce: 2,
  checks: async context => {
    const charts = await findCharts(context.root)
    // Made with the first check that needs it, as it needs the tools.
    let made: Promise<Judge> | undefined
    const judge = async (): Promise<Judge> => await (made ??= makeJudge(context))
    const perChart = await Promise.all(charts.map(async chart => await chartChecks(context, chart, judge)))
    const renderings = perChart.flatMap(({ renderings }) => renderings)
    return [
      environmentsCheck(context, charts),
      ...(await environmentNames(context.root)).map(environment => systemCheck(context, environment)),
      {
        title: 'the values for Strimzi\'s operator watch the namespace, and its release is the one whose definitions are checked',
        run: async () => { none(await operatorFaults(context.root), 'faults') }
      },
      ...perChart.flatMap(({ checks }) => checks),
      registryCheck(context, renderings, judge),
      ...Object.keys(elsewhere).map(name => missingCheck(context, renderings, judge, name))
    ]
  }
}

async function chartChecks (
  context: Context,
  chart: Chart,
  judge: () => Promise<Judge>
): Promise<{ readonly checks: readonly Check[], readonly renderings: readonly Rendering[] }> {
  const { name } = chart
  const variants = await variantsOf(context.root, chart)
  const files = async (path: string): Promise<string> => await readFile(join(chart.folder, path), 'utf8')
  const general: Check[] = [
    { title: `${name} passes helm lint --strict with all its values`, run: async () => { await lint(context, chart, variants) } },
    { title: `${name} has the version of the program`, run: async () => { await sameVersion(context, chart) } },
    {
      title: `${name} documents every value`,
      run: async () => {
        none(undocumented(await files('values.yaml')), 'values without a comment "# -- "')
      }
    }
  ]
  if (chart.library) return { checks: general, renderings: [] }
  const renderings = (await Promise.all(variants.map(renderingsOf))).flat()
  const all = async (): Promise<Rendered[]> => await renderedOnes(context, renderings)
  const over = (title: string, faultsOf: (rendered: Rendered) => readonly string[]): Check => ({
    title: `${name}: ${title}`,
    run: async () => {
      const faults = (await all()).flatMap(rendered => faultsOf(rendered).map(fault => `${titleOf(rendered.rendering)}: ${fault}`))
      none(faults, 'faults')
    }
  })
  return {
    renderings,
    checks: [
      ...general,
      ...renderings.map(rendering => renderingCheck(context, rendering, judge)),
      { title: `${name} passes its tests by helm-unittest`, run: async () => { await unittest(context, chart) } },
      { title: `${name} has the README that helm-docs makes`, run: async () => { await currentReadme(context, chart) } },
      ...variants.map(variant => ({
        title: `${name}, ${variant.title}: an unknown key is refused by the schema in every object`,
        run: async () => { await refusesUnknownKeys(context, variant) }
      })),
      {
        title: `${name} has no value that does nothing`,
        run: async () => {
          none(await unused(context, chart, variants), 'values that change nothing')
        }
      },
      over('every pod is one that the level "restricted" takes, with requests, limits and probes', ({ objects }) => podFaults(objects)),
      over('no selector names a version', ({ objects }) => selectorFaults(objects)),
      over('selectors find their own pods, and no others', ({ objects }) => matchFaults(objects)),
      over('every object is in its namespace', namespaceFaults),
      over('every object has the recommended labels', ({ objects }) => labelFaults(objects)),
      over('no object is there twice', ({ objects }) => doubleFaults(objects))
    ]
  }
}

function renderingCheck (context: Context, rendering: Rendering, judge: () => Promise<Judge>): Check {
  const bare = rendering.files.length === 0
  return {
    title: `${titleOf(rendering)}: ${bare ? 'rendered or refused with the values to set' : 'rendered'}, ` +
      'and kubeconform -strict accepts every object',
    run: async () => {
      try {
        const { text } = await render(context, rendering)
        await (await judge()).judge(text)
      } catch (error) {
        if (!bare || !asksForValues(error, rendering.chart)) throw error
      }
    }
  }
}

/** Those that render: that the others do not is said by their own check. */
async function renderedOnes (context: Context, renderings: readonly Rendering[]): Promise<Rendered[]> {
  const settled = await Promise.allSettled(renderings.map(async rendering => await render(context, rendering)))
  const rendered = settled.flatMap(each => each.status === 'fulfilled' ? [each.value] : [])
  if (rendered.length === 0) throw new Fault('it renders with none of its values')
  return rendered
}

async function lint (context: Context, chart: Chart, variants: readonly Variant[]): Promise<void> {
  const helm = await context.tool('helm')
  for (const { files } of variants) {
    await context.must(helm, ['lint', '--strict', '--quiet', ...files.flatMap(file => ['--values', file]), chart.folder])
  }
}

async function sameVersion ({ root }: Context, { appVersion }: Chart): Promise<void> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  if (appVersion !== version) throw new Fault(`appVersion is ${appVersion ?? 'not set'}, package.json says ${version}`)
}

async function unittest (context: Context, { folder }: Chart): Promise<void> {
  const said = await context.must(await context.tool('helm-unittest'), ['--strict', '--with-subchart=false', folder])
  // It is content with none.
  if (!/^Tests:\s+([1-9]\d*) passed/m.test(said)) throw new Fault('there are no tests', said)
}

async function currentReadme (context: Context, { folder }: Chart): Promise<void> {
  const made = await readme(context, folder)
  const found = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '')
  if (made.trim() === found.trim()) return
  const { line, before, after } = firstDifference(found.trim(), made.trim())
  throw new Fault('it is not current: npm run check:deploy -- --write', `line ${line}\n- ${before}\n+ ${after}`)
}

/** Nothing lies there unread. */
function environmentsCheck ({ root }: Context, charts: readonly Chart[]): Check {
  return {
    title: 'every file of deploy/environments is the values of a chart, or of all of them',
    run: async () => {
      const faults: string[] = []
      const environments = await environmentNames(root)
      for (const environment of environments) {
        for (const file of await readdir(join(root, 'deploy', 'environments', environment))) {
          if (file === 'README.md' || file === SHARED) continue
          const name = /^(.*)\.yaml$/.exec(file)?.[1]
          if (!charts.some(chart => chart.name === name && !chart.library))
            faults.push(`${environment}/${file}: no chart is called ${name ?? file}`)
        }
      }
      if (environments.length === 0) faults.push('there are no environments')
      none(faults, 'faults')
    }
  }
}

function systemCheck (context: Context, environment: string): Check {
  return {
    title: `environment ${environment}: the charts make the cluster, listeners, users, topics and Secrets that they name`,
    run: async () => {
      for (const strimzi of ['v1', 'v1beta2'] as const)
        none(wiringFaults(await systemObjects(context, environment, strimzi)), `Strimzi ${strimzi}`)
    }
  }
}

/** What our charts write for the registry's operator is taken by our definition of it and by the published one. */
function registryCheck (context: Context, renderings: readonly Rendering[], judge: () => Promise<Judge>): Check {
  return {
    title: 'every StrimziSchemaRegistry is accepted by the published definition as well as by ours',
    run: async (): Promise<void | Skipped> => {
      const rendered = await renderedOnes(context, renderings)
      const registries = rendered.flatMap(({ objects }) => objects).filter(({ kind }) => kind === 'StrimziSchemaRegistry')
      if (registries.length === 0) throw new Fault('no chart renders one')
      return await (await judge()).judgePublished(registries.map(object => JSON.stringify(object)).join('\n---\n'))
    }
  }
}

function missingCheck (context: Context, renderings: readonly Rendering[], judge: () => Promise<Judge>, name: string): Check {
  return {
    title: `every ${name} is judged by its definition`,
    run: async (): Promise<void | Skipped> => {
      const rendered = await renderedOnes(context, renderings)
      const { missing } = await judge()
      const objects = rendered.flatMap(({ objects }) => objects)
      if (!objects.some(({ apiVersion, kind }) => `${apiVersion.split('/')[0]}/${kind}` === name)) throw new Fault('no chart renders one')
      if (unjudged(objects, missing).includes(name))
        return { skipped: `no package carries the definition of ${elsewhere[name]}: name a folder with it by --crds` }
    }
  }
}
