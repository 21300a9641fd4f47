// What lies outside of Kubernetes: every module and environment is formatted, fits the google provider's schema in the oldest and the
// newest version that it is made for, passes its tests, is documented, and says the same as the charts; deliberate faults are refused.
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { Fault, none, type Check, type Context, type Group, type Skipped } from '../check.ts'
import { readChart } from '../helm/charts.ts'
import { render, NAMESPACE, type KubernetesObject } from '../helm/render.ts'
import { UMBRELLA } from '../helm/umbrella.ts'
import { faults, refuse } from '../terraform/faults.ts'
import { identityFaults, leavesOf, nodeFaults, valueFaults, type Outputs } from '../terraform/names.ts'
import { readmeOf } from '../terraform/readme.ts'
import { configuration, foldersOf, plainly, test, workspace, type Tested, type Workspace } from '../terraform/tofu.ts'
import { untried } from '../terraform/tried.ts'

const versions = {
  oldest: { version: '6.50.0', schema: 'google-schema-6' },
  newest: { version: '8.7.0', schema: 'google-schema-8' }
} as const

export const terraform: Group = {
  name: 'terraform',
  about: 'the Terraform modules and environments, their tests, and that they agree with the charts',
  tools: ['tofu', 'google-provider', 'google-schema-6', 'google-schema-8', 'helm'],
  claims: ['terraform'],
  atOnce: 2,
  checks: async context => {
    const folders = await foldersOf(join(context.root, 'deploy', 'terraform'))
    const environments = folders.filter(folder => folder.startsWith('environments/'))
    const benches = new Benches(context)
    return [
      { title: 'deploy/terraform is formatted', run: async () => { await formatted(context) } },
      ...folders.flatMap(folder => folderChecks(context, benches, folder)),
      ...environments.flatMap(folder => agreementChecks(context, benches, folder)),
      {
        title: 'the stand-in for the google provider does nothing but tell its schema',
        run: async () => {
          await standsIn(await benches.bench('newest'))
        }
      },
      ...faults.map((fault, index) => ({
        title: `refused by ${fault.by.startsWith('tests/') ? `the tests of ${fault.folder}` : `tofu ${fault.by}`}: ${fault.title}`,
        run: async () => { await refuse(await benches.bench('newest', `fault-${index}`), fault) }
      }))
    ]
  }
}

/** Copies to work on, made when they are first asked for. */
class Benches {
  readonly #context: Context
  readonly #once = new Map<string, Promise<unknown>>()

  constructor (context: Context) {
    this.#context = context
  }

  /** The copy for a version of the provider, or one of that name of its own. */
  async bench (which: keyof typeof versions, name: string = which): Promise<Workspace> {
    return await this.#keep(`bench ${name}`, async () => {
      const rc = await this.#keep(`configuration ${which}`, async () => await this.#configuration(which))
      return await workspace(this.#context, await this.#context.tool('tofu'), rc, join(this.#context.scratch, name))
    })
  }

  async #configuration (which: keyof typeof versions): Promise<string> {
    const { version, schema } = versions[which]
    return await configuration(
      { version, program: await this.#context.tool('google-provider'), schema: await this.#context.tool(schema) },
      join(this.#context.scratch, `provider-${version}`)
    )
  }

  /** By the newest version: the bindings of the oldest do not tell what a provider fills in, so mocks would lack it. */
  async tested (folder: string): Promise<Tested> {
    return await this.#keep(`tested ${folder}`, async () => {
      const bench = await this.bench('newest')
      await bench.init(folder)
      return await test(bench, folder, folder.startsWith('environments/') ? ['-verbose'] : [])
    })
  }

  /** Checks run side by side, and the first that asks for something makes it for all. */
  async #keep<T> (what: string, make: () => Promise<T>): Promise<T> {
    const made = (this.#once.get(what) ?? make()) as Promise<T>
    this.#once.set(what, made)
    return await made
  }
}

function folderChecks (context: Context, benches: Benches, folder: string): readonly Check[] {
  return [
    ...(['oldest', 'newest'] as const).map(which => ({
      title: `${folder} fits the google provider ${versions[which].version}`,
      run: async () => {
        const bench = await benches.bench(which)
        await bench.init(folder)
        await bench.validate(folder)
      }
    })),
    {
      title: `${folder} passes its tests`,
      run: async () => {
        const { passed, failed, words } = await benches.tested(folder)
        if (failed > 0 || passed === 0) throw new Fault(`${passed} passed, ${failed} failed`, words)
      }
    },
    ...folder.startsWith('modules/') ?
      [{
        title: `the tests of ${folder} try every option, check and output`,
        run: async () => {
          none(await untriedIn(join(context.root, 'deploy', 'terraform', folder)), 'untried')
        }
      }] :
      [],
    { title: `${folder}/README.md has the inputs and outputs that there are`, run: async () => { await documented(context, folder) } }
  ]
}

async function untriedIn (folder: string): Promise<readonly string[]> {
  const read = async (path: string, names: RegExp): Promise<string> =>
    (await Promise.all((await readdir(path)).filter(name => names.test(name)).map(async name => await readFile(join(path, name), 'utf8'))))
      .join('\n')
  return untried(await read(folder, /\.tf$/), await read(join(folder, 'tests'), /\.tftest\.hcl$/))
}

async function formatted (context: Context): Promise<void> {
  const { code, stdout, stderr } = await context.run(await context.tool('tofu'), ['fmt', '-check', '-recursive',
    join(context.root, 'deploy', 'terraform')], { env: plainly(context.env) })
  if (code !== 0) throw new Fault('not formatted: run tofu fmt -recursive deploy/terraform', stdout + stderr)
}

async function documented (context: Context, folder: string): Promise<void> {
  const path = join(context.root, 'deploy', 'terraform', folder)
  if (await readmeOf(context, path) !== await readFile(join(path, 'README.md'), 'utf8'))
    throw new Fault('it is not current: run npm run check:deploy -- --write')
}

// Whoever took it for the real one would believe that something was made.
async function standsIn (bench: Workspace): Promise<void> {
  await bench.init('modules/kafka-node-pool')
  const args = ['-var=project_id=alert-stream-test', '-var=cluster=c', '-var=location=us-central1', '-var=zones=["us-central1-a"]']
  const { code, stdout, stderr } = await bench.run('modules/kafka-node-pool', ['plan', '-input=false', '-no-color', ...args])
  if (code === 0 || !/The provider is not the real one/.test(stdout + stderr)) throw new Fault('tofu plan was not refused', stdout + stderr)
}

function agreementChecks (context: Context, benches: Benches, folder: string): readonly Check[] {
  const environment = folder.replace('environments/', '')
  const outputs = async (): Promise<Outputs> => {
    const found = [...(await benches.tested(folder)).outputs.values()].find(values => typeof values['helm_values'] === 'string')
    if (found === undefined) throw new Fault(`no run of the tests of ${folder} has the output helm_values`)
    return found as unknown as Outputs
  }
  const values = async (chart: string): Promise<string | undefined> => {
    const path = join(context.root, 'deploy', 'environments', environment, `${chart}.yaml`)
    return await stat(path).then(() => path, () => undefined)
  }
  const rendered = async (chart: string): Promise<readonly KubernetesObject[]> =>
    await withValues(context, chart, await values(chart), (await outputs()).helm_values_by_chart[chart] ?? '')
  return [
    {
      title: `${environment}: the charts take the values that Terraform gives, and they reach what is rendered`,
      run: async () => {
        const { helm_values_by_chart: byChart } = await outputs()
        if (Object.keys(byChart).length === 0) throw new Fault('Terraform gives no values')
        for (const [chart, text] of Object.entries(byChart)) {
          const said = JSON.stringify(await rendered(chart))
          none(unsaid(parse(text), said).map(fault => `${chart}: ${fault}`), 'values that are nowhere in what is rendered')
        }
      }
    },
    {
      title: `${environment}: the umbrella chart takes them too, and renders the same of them`,
      run: async () => {
        const { helm_values: text } = await outputs()
        const said = JSON.stringify(await withValues(context, UMBRELLA, await values(UMBRELLA), text))
        none(unsaid(parse(text), said), 'values that are nowhere in what is rendered')
      }
    },
    {
      title: `${environment}: Terraform lets the charts' service accounts act as the archive's writer and reader`,
      run: async () => {
        const { kubernetes_service_accounts: accounts, helm_values_by_chart: byChart } = await outputs()
        const { ingester, server } = parse(byChart['alert-database'] ?? '') as Record<'ingester' | 'server',
          { readonly gcp: { readonly serviceAccountName: string, readonly projectID: string } }>
        const email = ({ gcp }: typeof ingester): string => `${gcp.serviceAccountName}@${gcp.projectID}.iam.gserviceaccount.com`
        none(
          identityFaults({ [accounts.writer]: email(ingester), [accounts.reader]: email(server) }, await rendered('alert-database')),
          'faults'
        )
      }
    },
    {
      title: `${environment}: the brokers go to the nodes that Terraform makes for them`,
      run: async () => { none(nodeFaults((await outputs()).kafka_nodes, await rendered('alert-stream-broker')), 'faults') }
    },
    {
      title: `${environment}: deploy/environments/${environment} says what Terraform makes`,
      run: async (): Promise<void | Skipped> => {
        const differences: string[] = []
        let compared = 0
        for (const [chart, text] of Object.entries((await outputs()).helm_values_by_chart)) {
          const path = await values(chart)
          if (path === undefined) continue
          compared++
          differences.push(
            ...valueFaults(parse(await readFile(path, 'utf8')), parse(text)).map(difference => `${chart}.yaml: ${difference}`)
          )
        }
        if (compared === 0) return { skipped: `there are no values of ${environment} in deploy/environments` }
        none(differences, 'differences')
      }
    }
  ]
}

/** Values that what is rendered does not mention. The buckets' project is not handed on: their names say all. */
function unsaid (values: unknown, said: string): string[] {
  return leavesOf(values).filter(([path, value]) => !path.endsWith('storage.gcp.project') && !said.includes(String(value))).map((
    [path, value]
  ) => `${path}: ${String(value)}`)
}

async function withValues (context: Context, name: string, file: string | undefined, values: string): Promise<readonly KubernetesObject[]> {
  const chart = await readChart(join(context.root, 'deploy', 'helm', name))
  const made = join(context.scratch, `${name}-${file === undefined ? 'values' : file.split('/').at(-2)}.yaml`)
  await writeFile(made, values)
  const files = [...file === undefined ? [] : [file], made]
  return (await render(context, { chart, title: 'values of Terraform', files, strimzi: undefined, namespace: NAMESPACE })).objects
}
