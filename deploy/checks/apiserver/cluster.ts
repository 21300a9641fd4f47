// What is asked of the API server, by kubectl and helm as an operator would: each answer comes with the warnings that the server gave.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Context } from '../check.ts'
import type { KubernetesObject } from '../helm/render.ts'
import { startApiServer, type ApiServer } from './server.ts'

export interface Answer {
  readonly ok: boolean
  readonly stdout: string
  /** All that was said on standard error but for what is no warning. */
  readonly said: string
}

/**
 * No warnings: helm tells of every link that a chart is taken by, and an operator that serves both versions of Strimzi's API tells whoever
 * asks for the older one that it is old. A release that has dropped it refuses it instead. A watch of kubectl that is cut is taken up again
 * by itself.
 */
const REMARK =
  /found symbolic link in path|^[EW]\d{4} .*reflector\.go:|Version v1beta2 of the Kafka\w* API is deprecated\. Please use the v1 version/

export class Cluster {
  readonly #context: Context
  readonly #helm: string
  readonly #kubectl: string
  readonly #env: Context['env']
  readonly #namespaces = new Set<string>()
  #files = 0
  #kinds: Promise<ReadonlyMap<string, boolean>> | undefined

  private constructor (context: Context, server: ApiServer, helm: string, kubectl: string) {
    this.#context = context
    this.#helm = helm
    this.#kubectl = kubectl
    // Nobody's own cluster is meant: neither by a variable, nor by caches and plugins of a home folder.
    const home = join(context.scratch, 'home')
    // Programs that end within a second need not collect garbage often.
    this.#env = {
      ...context.env,
      GOGC: '400',
      KUBECONFIG: server.kubeconfig,
      HOME: home,
      XDG_CACHE_HOME: join(home, 'cache'),
      XDG_CONFIG_HOME: join(home, 'config'),
      XDG_DATA_HOME: join(home, 'data')
    }
  }

  /** Starts one in the group's scratch folder; it is stopped when the group ends. */
  static async start (context: Context): Promise<Cluster> {
    const [etcd, apiserver, kubectl, helm] = await Promise.all([context.tool('etcd'), context.tool('kube-apiserver'),
      context.tool('kubectl'), context.tool('helm')])
    const server = await startApiServer({ etcd, apiserver, kubectl }, join(context.scratch, 'cluster'), context.env)
    context.defer(async () => { await server.stop() })
    context.progress(`kube-apiserver ${server.version} answers`)
    return new Cluster(context, server, helm, kubectl)
  }

  async kubectl (args: readonly string[], input?: string): Promise<Answer> {
    return await this.#ask(this.#kubectl, args, input)
  }

  async helm (args: readonly string[]): Promise<Answer> {
    return await this.#ask(this.#helm, args)
  }

  /** Objects as a file that kubectl takes by `-f`; its name shows in messages. */
  async file (objects: readonly unknown[], title = `objects-${++this.#files}`): Promise<string> {
    const folder = join(this.#context.scratch, 'objects')
    await mkdir(folder, { recursive: true })
    const path = join(folder, `${title.replaceAll(/[^A-Za-z0-9.+-]+/g, '_')}.json`)
    await writeFile(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
    return path
  }

  /** Makes or changes objects for good, of files and folders; resolves with their names. Throws what the server says. */
  async apply (paths: readonly string[]): Promise<string[]> {
    const args = ['apply', '--server-side', '--force-conflicts', '--validate=strict', '--output', 'name',
      ...paths.flatMap(path => ['-f', path])]
    return expectOk(await this.kubectl(args), 'kubectl apply').stdout.trim().split('\n')
  }

  /** Every kind that the server knows, and whether its objects are in namespaces: `Deployment.apps`. */
  async kinds (): Promise<ReadonlyMap<string, boolean>> {
    this.#kinds ??= this.kubectl(['api-resources', '--no-headers']).then(answer =>
      new Map(
        expectOk(answer, 'kubectl api-resources').stdout.trim().split('\n').map(line => {
      // NAME [SHORTNAMES] APIVERSION NAMESPACED KIND
      const [kind = '', namespaced, apiVersion = ''] = line.trim().split(/\s+/).reverse()
      return [kindOf({ apiVersion, kind }), namespaced === 'true']
    })))
    return await this.#kinds
  }

  /** Makes the definitions of files and folders, and waits until their kinds are served. */
  async establish (paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return
    const { ok, said } = await this.kubectl(['wait', '--for=condition=Established', '--timeout=30s', ...await this.apply(paths)])
    // What it says while all is well is of its own watches.
    if (!ok) throw new Fault('the definitions are not served', said)
    this.#kinds = undefined
  }

  /** Namespaces that take only Pods of the level `restricted`, with the account that a controller would make in each. */
  async namespaces (names: readonly string[]): Promise<void> {
    const missing = [...new Set(names)].filter(name => !this.#namespaces.has(name))
    if (missing.length === 0) return
    for (const name of missing) this.#namespaces.add(name)
    const objects = missing.flatMap(name => [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: restricted } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } }
    ])
    await this.apply([await this.file(objects)])
  }

  /** Objects of these kinds in these namespaces, as `kind/name`, but for what Kubernetes and helm keep there. */
  async contents (kinds: readonly string[], namespaces: readonly string[]): Promise<string[]> {
    const found = await Promise.all(namespaces.map(async namespace => {
      const answer = await this.kubectl(['get', kinds.join(','), '--namespace', namespace, '--output', 'name'])
      if (!answer.ok) throw new Fault('kubectl get was refused', answer.said)
      return answer.stdout.split('\n').filter(line => line !== '' && !/^serviceaccount\/default$|^secret\/sh\.helm\.release\./.test(line))
    }))
    return found.flat()
  }

  /** For good, and at once: there is nobody here who would do what a finalizer waits for. */
  async remove (names: readonly string[], namespace: string): Promise<void> {
    if (names.length === 0) return
    await this.kubectl(['delete', ...names, '--namespace', namespace, '--wait=false'])
    // Kubernetes gives claims one itself.
    for (const name of names.filter(each => each.startsWith('persistentvolumeclaim/'))) {
      await this.kubectl(['patch', name, '--namespace', namespace, '--type=merge', '--patch', '{"metadata":{"finalizers":null}}'])
    }
  }

  async #ask (program: string, args: readonly string[], input?: string): Promise<Answer> {
    const { code, stdout, stderr } = await this.#context.run(program, args, {
      env: this.#env,
      cwd: this.#context.root,
      ...(input === undefined ? {} : { input })
    })
    return { ok: code === 0, stdout, said: stderr.split('\n').filter(line => line !== '' && !REMARK.test(line)).join('\n') }
  }
}

const level = 'restricted'
const restricted = {
  'pod-security.kubernetes.io/enforce': level,
  'pod-security.kubernetes.io/warn': level
}

/** Group and kind, as `KIND.GROUP`; the core group has none. */
export function kindOf ({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): string {
  return apiVersion.includes('/') ? `${kind}.${apiVersion.split('/')[0]}` : kind
}

/**
 * The answer, where it was yes; what was said is a fault else. A warning is one too: the next release may refuse what this one warns of.
 */
export function expectOk (answer: Answer, what: string): Answer {
  if (!answer.ok) throw new Fault(`${what} was refused`, answer.said)
  if (answer.said !== '') throw new Fault(`${what} was taken with a warning`, answer.said)
  return answer
}
