// One environment's life in the cluster, by helm: installed chart by chart, changed to a new version, removed again. Hooks are left out, as
// nobody runs here what they wait for.
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, none, type Context } from '../check.ts'
import { partObjects, type Part } from '../helm/applications.ts'
import type { KubernetesObject } from '../helm/render.ts'
import { exists } from '../helm/charts.ts'
import { expectOk, kindOf, type Cluster } from './cluster.ts'
import { workloadPods } from './pods.ts'

/** What a later version of everything would be called. */
const LATER = '99.0.0'

export class Installation {
  readonly #context: Context
  readonly #cluster: Cluster
  readonly #parts: readonly Part[]
  readonly #strimzi: string
  #installed = false

  constructor (context: Context, cluster: Cluster, parts: readonly Part[], apiVersion: string) {
    this.#context = context
    this.#cluster = cluster
    this.#parts = parts
    this.#strimzi = apiVersion.slice(apiVersion.indexOf('/') + 1)
  }

  /** In the order given; then the Pods of all workloads, those of hooks and tests too, are offered to the namespaces that are there now. */
  async install (): Promise<void> {
    await this.#cluster.namespaces(this.#namespaces())
    for (const part of this.#parts) {
      expectOk(
        await this.#cluster.helm(['install', part.release, part.chart.folder, ...this.#args(part)]),
        `helm install ${part.chart.name}`
      )
    }
    this.#installed = true
    const pods = workloadPods(await this.#objects())
    if (pods.length === 0) throw new Fault('no workload is rendered')
    expectOk(
      await this.#cluster.kubectl(['create', '--dry-run=server', '--validate=strict', '-f', await this.#cluster.file(pods)]),
      `the creation of ${pods.length} Pods`
    )
  }

  /** There is one system in a namespace: its objects have fixed names, and helm has to say whose they are. */
  async refusesAnother (): Promise<void> {
    this.#expectInstalled()
    for (const part of this.#parts) {
      const { ok, said } = await this.#cluster.helm(['install', 'another', part.chart.folder, ...this.#args(part)])
      if (ok) throw new Fault(`${part.chart.name} was installed a second time beside the first`)
      if (!/invalid ownership metadata[^]*release-name/.test(said))
        throw new Fault(`${part.chart.name} was refused for another reason`, said)
    }
  }

  /** A Deployment cannot change its selector: who changes the labels in it finds out here, not at the next upgrade. */
  async refusesSelector (): Promise<void> {
    this.#expectInstalled()
    const charts = join(this.#context.scratch, 'other-selectors')
    await cp(join(this.#context.root, 'deploy', 'helm'), charts, { recursive: true, verbatimSymlinks: true })
    const library = join(charts, 'alert-stream-common', 'templates', '_names.tpl')
    const text = await readFile(library, 'utf8')
    const changed = text.replace('app.kubernetes.io/component: {{ . }}', 'app.kubernetes.io/component: {{ . }}-other')
    if (changed === text) throw new Fault('the labels of selectors are made elsewhere: there is nothing to change')
    await writeFile(library, changed)
    const part = this.#parts.at(-1)!
    const { ok, said } = await this.#cluster.helm(['upgrade', part.release, join(charts, part.chart.name), ...this.#args(part)])
    if (ok) throw new Fault(`${part.chart.name}: the selector was changed`)
    if (!/spec\.selector: Invalid value[^]*field is immutable/.test(said))
      throw new Fault(`${part.chart.name} was refused for another reason`, said)
  }

  /** From packages of a later version, with another image and another label: all that a release changes, and no selector may. */
  async upgrade (): Promise<void> {
    this.#expectInstalled()
    const changed = ['--set', 'global.image.tag=later', '--set', 'global.commonLabels.changed=yes']
    for (const part of this.#parts) {
      const { chart: { name, folder }, release } = part
      const packages = join(this.#context.scratch, 'packages')
      const later = join(packages, `${name}-${LATER}.tgz`)
      // One serves all environments.
      if (!await exists(later))
        expectOk(
          await this.#cluster.helm(['package', folder, '--version', LATER, '--app-version', LATER, '--destination', packages]),
          `helm package ${name}`
        )
      expectOk(await this.#cluster.helm(['upgrade', release, later, ...this.#args(part), ...changed]), `helm upgrade ${name}`)
    }
  }

  /** In the reverse order, even where not all of it was installed. What an object's own annotation keeps stays, and nothing else. */
  async uninstall (): Promise<void> {
    const refused: string[] = []
    for (const { chart, release, namespace } of [...this.#parts].reverse()) {
      // helm says which objects it keeps: no warning.
      const { ok, said } = await this.#cluster.helm(['uninstall', release, '--namespace', namespace, '--no-hooks', '--ignore-not-found'])
      if (!ok) refused.push(`helm uninstall ${chart.name}: ${said}`)
    }
    none(refused, 'charts that helm could not uninstall')
    this.#expectInstalled()
    // helm never removes definitions.
    const objects = (await this.#objects()).filter(({ kind }) => kind !== 'CustomResourceDefinition')
    const kinds = [...new Set(objects.map(kindOf))]
    const faults: string[] = []
    for (const namespace of this.#namespaces()) {
      const left = await this.#cluster.contents(kinds, [namespace])
      const kept = objects.filter(({ metadata }) =>
        metadata.namespace === namespace && metadata.annotations?.['helm.sh/resource-policy'] === 'keep'
      ).map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`)
      await this.#cluster.remove(left, namespace)
      faults.push(...left.filter(name => !kept.includes(withoutGroup(name))).map(name => `${name} was left behind`))
      faults.push(...kept.filter(name => !left.map(withoutGroup).includes(name)).map(name => `${name} was to be kept and is gone`))
    }
    none(faults, 'objects that are not as they should be')
  }

  #args ({ namespace, values }: Part): string[] {
    return ['--namespace', namespace, '--no-hooks', ...values.flatMap(file => ['-f', file]), '--set',
      `global.strimziAPIVersion=kafka.strimzi.io/${this.#strimzi}`]
  }

  /** All of them, hooks and tests included, each in its namespace. */
  async #objects (): Promise<KubernetesObject[]> {
    const rendered = await Promise.all(this.#parts.map(async part =>
        (await partObjects(this.#context, part, this.#strimzi)).map(object => ({
          ...object,
          metadata: { namespace: part.namespace, ...object.metadata }
        }))
      )
    )
    return rendered.flat()
  }

  #expectInstalled (): void {
    if (!this.#installed) throw new Fault('it was not installed')
  }

  #namespaces (): string[] {
    return [...new Set(this.#parts.map(({ namespace }) => namespace))]
  }
}

/** `kafkatopic.kafka.strimzi.io/name` -> `kafkatopic/name` */
function withoutGroup (name: string): string {
  return name.replace(/\.[^/]*\//, '/')
}
