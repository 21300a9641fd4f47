// Every object of every chart on a real kube-apiserver, as a server-side dry run with strict validation, in a namespace that enforces the
// Pod Security level `restricted`. There are no controllers and no nodes.
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startApiServer } from '../apiserver/server.ts'
import { Fault, type Context, type Group } from '../check.ts'
import { findCharts, NAMESPACE, render, variantsOf, type Chart, type KubernetesObject } from '../helm/charts.ts'
import { podsOf } from '../helm/pods.ts'
import { crdFolders } from '../tools/schemas.ts'
import type { ToolName } from '../tools/pins.ts'

export const apiserver: Group = {
  name: 'apiserver',
  about: 'every object on a real kube-apiserver',
  tools: ['helm', 'kubectl', 'etcd', 'kube-apiserver', ...Object.keys(crdFolders) as ToolName[]],
  full: true,
  checks: async context => {
    let started: Promise<Kubectl> | undefined
    return (await findCharts(context.root)).filter(({ library }) => !library).map(chart => ({
      title: `kube-apiserver accepts every object of ${chart.name}`,
      run: async () => { await accept(context, await (started ??= start(context)), chart) }
    }))
  }
}

type Kubectl = (...args: readonly string[]) => Promise<string>

async function start (context: Context): Promise<Kubectl> {
  const [etcd, apiserver, program] = [await context.tool('etcd'), await context.tool('kube-apiserver'), await context.tool('kubectl')]
  const server = await startApiServer({ etcd, apiserver, kubectl: program }, context.scratch, context.env)
  context.defer(async () => { await server.stop() })
  const kubectl: Kubectl = async (...args) => await context.must(program, ['--kubeconfig', server.kubeconfig, ...args])
  const folders = await Promise.all(Object.entries(crdFolders).map(async ([tool, folder]) =>
    join(await context.tool(tool as ToolName), folder)))
  for (const chart of await findCharts(context.root)) folders.push(join(chart.folder, 'crds'))
  for (const folder of [...folders, context.crds ?? ''])
    if ((await readdir(folder).catch(() => [])).some(name => name.endsWith('.yaml'))) await kubectl('apply', '--server-side',
      '--force-conflicts', '-f', folder)
  await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s')
  for (const name of [NAMESPACE, 'argocd', 'strimzi-registry-operator']) {
    await kubectl('create', 'namespace', name)
    await kubectl('label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted', 'pod-security.kubernetes.io/warn=restricted')
  }
  return kubectl
}

/** Workloads are also tried as pods, because the Pod Security level only warns of a Deployment. */
async function accept (context: Context, kubectl: Kubectl, chart: Chart): Promise<void> {
  for (const [index, variant] of (await variantsOf(context.root, chart)).entries()) {
    const { objects } = await render(context, variant)
    const pods = objects.flatMap(podsOf).map(({ owner, labels, spec }) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${owner.kind.toLowerCase()}-${owner.metadata.name}`.slice(0, 60), namespace: owner.metadata.namespace,
        labels },
      spec: { ...spec, serviceAccountName: 'default', restartPolicy: 'Never' }
    }))
    const items: readonly object[] = [...objects.filter(({ kind }: KubernetesObject) =>
      !['Namespace', 'CustomResourceDefinition'].includes(kind)), ...pods]
    const file = join(context.scratch, `${chart.name}-${index}.json`)
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
    // Pods need a service account, which no controller makes here.
    for (const name of [NAMESPACE, 'strimzi-registry-operator']) await kubectl('create', 'serviceaccount', 'default', '-n', name).catch(
      () => '')
    const output = await kubectl('apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict', '-f', file)
    if (/Warning|unknown field/.test(output)) throw new Fault(`${variant.title}: a warning`, output)
  }
}
