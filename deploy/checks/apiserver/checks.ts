// The checks of the group `apiserver`: every object of every rendering is handed to the API server, for each release of Strimzi, then each
// environment is installed, changed and removed by helm. All in namespaces that take Pods of the level `restricted` only; a warning is a
// refusal.
import { join } from 'node:path'
import { Fault, type Check, type Context, type Skipped } from '../check.ts'
import type { DeliberateFault } from '../faults/fault.ts'
import { faults } from '../faults/index.ts'
import { acceptedFault, renderFault } from '../faults/refuse.ts'
import { partsOf, umbrellaParts, type Part } from '../helm/applications.ts'
import { environmentNames, findCharts, variantsOf, type Chart } from '../helm/charts.ts'
import { elsewhere, makeJudge, type Judge } from '../helm/kubeconform.ts'
import { ARGOCD_NAMESPACE, asksForValues, nameOf, namespaceOf, render, renderingsOf, titleOf, type KubernetesObject,
  type Rendered } from '../helm/render.ts'
import { OLDER_STRIMZI, STRIMZI } from '../tools/strimzi.ts'
import { Cluster, expectOk, kindOf, type Answer } from './cluster.ts'
import { installDefinitions, installStrimzi, standIn, strimziReleases, type StrimziRelease } from './definitions.ts'
import { Installation } from './installation.ts'
import { workloadPods } from './pods.ts'

/** The API version of Strimzi's kinds, by the release that is asked about it. */
const API_VERSIONS: Readonly<Record<StrimziRelease, string>> = {
  [STRIMZI]: 'kafka.strimzi.io/v1',
  [OLDER_STRIMZI]: 'kafka.strimzi.io/v1beta2'
}

export class ApiServerChecks {
  readonly #context: Context
  /** Objects whose definition nobody has here, by kind. */
  readonly #undefined = new Map<string, number>()
  #started: Promise<Cluster> | undefined
  #judge: Promise<Judge> | undefined

  constructor (context: Context) {
    this.#context = context
  }

  async list (): Promise<readonly Check[]> {
    const { root } = this.#context
    const charts = (await findCharts(root)).filter(({ library }) => !library)
    const environments = await environmentNames(root)
    return [
      {
        title: 'a kube-apiserver starts, and takes the definitions of third parties',
        run: async () => {
          await (this.#started = this.#start())
        }
      },
      ...strimziReleases.flatMap(release => [
        {
          title: `it takes the definitions of Strimzi ${release}`,
          run: async () => {
            await installStrimzi(await this.#cluster(), this.#context, release)
          }
        },
        ...charts.map(chart => this.#taken(chart, release)),
        ...release === strimziReleases[0] ?
          [...faults.filter(({ tool }) => tool === 'kube-apiserver').map(fault => this.#refused(fault)), this.#forbidden()] :
          [],
        ...environments.flatMap((environment, index) => {
          // One environment tells what an older operator's API version changes, and what is refused; the umbrella is the sum of the others.
          const [first, current] = [index === 0, release === strimziReleases[0]]
          if (!first && !current) return []
          return [
            ...this.#installed(
              `${environment}, each chart`,
              release,
              { tries: first && current, upgrades: first && current },
              async () => await partsOf(this.#context, environment)
            ),
            ...this.#installed(
              `${environment}, the umbrella`,
              release,
              { tries: first && current, upgrades: current },
              async () => await umbrellaParts(this.#context, environment)
            )
          ]
        })
      ]),
      { title: 'the configuration of Argo CD takes what deploy/argocd asks to be added to it', run: async () => { await this.#patched() } },
      { title: 'the definitions of all kinds are known', run: async () => await Promise.resolve(this.#skipped()) }
    ]
  }

  async #cluster (): Promise<Cluster> {
    // The first check has said why.
    const cluster = await this.#started?.catch(() => undefined)
    if (cluster === undefined) throw new Fault('there is no API server')
    return cluster
  }

  async #start (): Promise<Cluster> {
    const cluster = await Cluster.start(this.#context)
    await installDefinitions(cluster, this.#context, await findCharts(this.#context.root))
    return cluster
  }

  /** Every object, hooks and tests included, in every rendering; nothing is kept. */
  #taken (chart: Chart, release: StrimziRelease): Check {
    return {
      title: `Strimzi ${release}: every object of ${chart.name}, however rendered, is taken without a warning`,
      run: async () => {
        const renderings = await this.#renderingsFor(chart, release)
        if (renderings.length === 0) throw new Fault('it renders nothing for this release')
        expectOk(await this.#offer(chart, renderings), `kubectl apply --dry-run=server of ${renderings.length} renderings`)
      }
    }
  }

  /** All that is rendered, and the Pods that would come of it, as it would be applied; nothing is kept. */
  async #offer (chart: Chart, renderings: ReadonlyArray<readonly [title: string, objects: readonly KubernetesObject[]]>): Promise<Answer> {
    const cluster = await this.#cluster()
    const files: string[] = []
    const before: KubernetesObject[] = []
    for (const [title, objects] of renderings) {
      const known = await this.#known(cluster, chart, objects)
      const pods = workloadPods(known)
      before.push(...neededBy(known, pods))
      files.push(await cluster.file([...known, ...pods], title))
    }
    return await withObjects(cluster, before, async () =>
        await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict',
          ...files.flatMap(file => ['-f', file])])
    )
  }

  /** What a fault does is refused, by the server and by no tool before it. */
  #refused (fault: DeliberateFault): Check {
    return {
      title: `${fault.chart}: ${fault.fault} is refused by the API server`,
      run: async () => {
        this.#judge ??= makeJudge(this.#context)
        await this.#refuses(await acceptedFault(this.#context, await this.#judge, fault), fault)
      }
    }
  }

  /** The namespaces enforce a level: else all that was taken would prove nothing of it. */
  #forbidden (): Check {
    return {
      title: 'a container that may gain privileges is refused by the level of its namespace',
      run: async () => {
        const fault = {
          chart: 'alert-database',
          fault: 'a container that may gain privileges',
          says: /violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false/,
          edit: {
            file: 'alert-stream-common/templates/_pod.tpl',
            from: 'allowPrivilegeEscalation: false',
            to: 'allowPrivilegeEscalation: true'
          }
        }
        const rendered = await renderFault(this.#context, fault)
        if ('tool' in rendered) throw new Fault(`${rendered.tool} refuses it`, rendered.words)
        await this.#refuses(rendered, fault)
      }
    }
  }

  async #refuses (rendered: Rendered, fault: Pick<DeliberateFault, 'fault' | 'says'>): Promise<void> {
    const answer = await this.#offer(rendered.rendering.chart, [[fault.fault, rendered.objects]])
    if (answer.ok) throw new Fault('the API server takes it', answer.said)
    if (!fault.says.test(answer.said)) throw new Fault(`it is refused, but not with ${String(fault.says)}`, answer.said)
  }

  /** Those that have Strimzi's kinds in this release's API version only, or none of them. */
  async #renderingsFor (chart: Chart, release: StrimziRelease): Promise<Array<[string, readonly KubernetesObject[]]>> {
    const renderings = (await Promise.all((await variantsOf(this.#context.root, chart)).map(renderingsOf))).flat()
    const rendered = await Promise.all(renderings.map(async rendering => await render(this.#context, rendering).catch((error: unknown) => {
      if (rendering.files.length === 0 && asksForValues(error, chart)) return undefined
      throw error
    })))
    return rendered
      .filter(each => each !== undefined)
      .filter(({ objects }) =>
        objects.every(({ apiVersion }) => !apiVersion.startsWith('kafka.strimzi.io/') || apiVersion === API_VERSIONS[release])
      )
      .map(({ rendering, objects }) => [titleOf(rendering), objects])
  }

  /** Stands in for definitions that nobody has here and leaves out the objects of these kinds; the rest is put into its namespace. */
  async #known (cluster: Cluster, chart: Chart, objects: readonly KubernetesObject[]): Promise<KubernetesObject[]> {
    const kinds = await cluster.kinds()
    const namespace = namespaceOf(chart)
    await cluster.namespaces([namespace, ...objects.flatMap(({ metadata }) => metadata.namespace ?? [])])
    const known: KubernetesObject[] = []
    for (const object of objects) {
      const kind = kindOf(object)
      if (kinds.has(kind) && !this.#undefined.has(kind)) {
        known.push(kinds.get(kind) === true ? { ...object, metadata: { namespace, ...object.metadata } } : object)
        continue
      }
      // What kubeconform may pass over may be missing here, nothing else: a misspelt kind would be stood in for as well.
      if (!(`${object.apiVersion.split('/')[0]}/${object.kind}` in elsewhere))
        throw new Fault(`${nameOf(object)}: nobody defines the kind ${kind}`)
      // helm installs nothing of a chart of which it does not know a kind.
      if (!this.#undefined.has(kind)) await cluster.establish([await cluster.file([standIn(object)])])
      this.#undefined.set(kind, (this.#undefined.get(kind) ?? 0) + 1)
    }
    return known
  }

  /**
   * The life of an environment: installed in the order of the waves, what must not be tried and refused, changed to a new version, removed.
   */
  #installed (
    title: string,
    release: StrimziRelease,
    { tries, upgrades }: { readonly tries: boolean, readonly upgrades: boolean },
    parts: () => Promise<readonly Part[]>
  ): Check[] {
    let installation: Promise<Installation> | undefined
    const begun = async (): Promise<Installation> => {
      installation ??= (async () => new Installation(this.#context, await this.#cluster(), await parts(), API_VERSIONS[release]))()
      return await installation
    }
    const name = `Strimzi ${release}: ${title}`
    return [
      {
        title: `${name}: helm installs it in the order of the sync waves, and its Pods are admitted`,
        run: async () => {
          await (await begun()).install()
        }
      },
      ...tries ?
        [{
          title: `${name}: a second release in the same namespace is refused`,
          run: async () => {
            await (await begun()).refusesAnother()
          }
        }] :
        [],
      ...tries ?
        [{
          title: `${name}: another selector of what runs is refused`,
          run: async () => {
            await (await begun()).refusesSelector()
          }
        }] :
        [],
      ...upgrades ?
        [{
          title: `${name}: helm upgrades it to another version and image`,
          run: async () => {
            await (await begun()).upgrade()
          }
        }] :
        [],
      { title: `${name}: helm uninstalls it and leaves only what is to be kept`, run: async () => { await (await begun()).uninstall() } }
    ]
  }

  async #patched (): Promise<void> {
    const cluster = await this.#cluster()
    await cluster.namespaces([ARGOCD_NAMESPACE])
    await cluster.apply([
      await cluster.file([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', namespace: ARGOCD_NAMESPACE } }])
    ])
    const file = join(this.#context.root, 'deploy/argocd/argocd-cm.patch.yaml')
    const answer = expectOk(
      await cluster.kubectl(['patch', 'configmap', 'argocd-cm', '--namespace', ARGOCD_NAMESPACE, '--patch-file', file, '--output', 'json']),
      'kubectl patch'
    )
    const { data = {} } = JSON.parse(answer.stdout) as { readonly data?: Readonly<Record<string, string>> }
    if (data['resource.customizations.health.argoproj.io_Application'] === undefined)
      throw new Fault('Argo CD would not look at the health of Applications', answer.stdout)
  }

  #skipped (): Skipped | undefined {
    if (this.#undefined.size === 0) return undefined
    const counts = [...this.#undefined].map(([kind, count]) => `${count} of ${kind}`)
    return {
      skipped: `no package contains the definitions of some kinds, and --crds names no folder with them. Not checked: ${counts.join(', ')}`
    }
  }
}

/**
 * What has to be there before these Pods may be: their accounts, which the chart makes, and their priority classes, which somebody else
 * does.
 */
function neededBy (objects: readonly KubernetesObject[], pods: readonly KubernetesObject[]): KubernetesObject[] {
  const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata: { name, namespace } }) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, ...namespace === undefined ? {} : { namespace } }
  }))
  const classes = [...objects.filter(({ kind }) => kind === 'Pod'), ...pods].flatMap(({ spec }) =>
    (spec as { readonly priorityClassName?: string }).priorityClassName ?? []
  )
  // Kubernetes has two of its own.
  return [...accounts, ...classes.filter(name => !name.startsWith('system-')).map(name => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value: 1
  }))]
}

async function withObjects (cluster: Cluster, objects: readonly KubernetesObject[], work: () => Promise<Answer>): Promise<Answer> {
  const each = new Map(objects.map(object => [`${object.kind} ${object.metadata.namespace} ${object.metadata.name}`, object]))
  if (each.size === 0) return await work()
  const file = await cluster.file([...each.values()])
  try {
    await cluster.apply([file])
    return await work()
  } finally {
    await cluster.kubectl(['delete', '--wait=false', '-f', file])
  }
}
