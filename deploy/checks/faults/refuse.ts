// Hands a deliberate fault to the tools in the order in which they look at a chart, and tells which one refuses it.
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Context } from '../check.ts'
import { readChart, variantsOf, type Chart } from '../helm/charts.ts'
import type { Judge } from '../helm/kubeconform.ts'
import { doubleFaults, labelFaults, matchFaults, namespaceFaults, selectorFaults } from '../helm/objects.ts'
import { podFaults } from '../helm/pods.ts'
import { NAMESPACE, render, type KubernetesObject, type Rendered } from '../helm/render.ts'
import { ENVIRONMENT, systemObjects } from '../helm/system.ts'
import { wiringFaults } from '../helm/wiring.ts'
import { differences, readTable, usersOf } from '../kafka-users.ts'
import { programFaults, readImage } from '../program.ts'
import type { DeliberateFault, Edit, Refuser } from './fault.ts'

export interface Refusal {
  readonly tool: Refuser
  readonly words: string
}

let copies = 0

/** The chart with the fault in it, rendered: or who refused to. */
export async function renderFault (context: Context, fault: Omit<DeliberateFault, 'tool' | 'says'>): Promise<Rendered | Refusal> {
  const { root, scratch } = context
  const id = ++copies
  const folder = fault.edit === undefined ?
    join(root, 'deploy', 'helm', fault.chart) :
    await edited(context, fault.chart, fault.edit, join(scratch, `charts-${id}`))
  const chart: Chart = await readChart(folder)
  const own = await readChart(join(root, 'deploy', 'helm', fault.chart))
  const base = (await variantsOf(root, own)).find(({ environment }) => environment === ENVIRONMENT)
  if (base === undefined) throw new Fault(`there are no values of ${fault.chart} for ${ENVIRONMENT}`)
  const overlay = join(scratch, `fault-${id}.yaml`)
  await writeFile(overlay, fault.values ?? '{}')
  const { strimzi = 'v1' } = fault
  // Values that choose Strimzi's version themselves are not overruled.
  const chosen = fault.values?.includes('strimziAPIVersion') === true ? undefined : strimzi
  try {
    return await render(context, { ...base, chart, files: [...base.files, overlay], strimzi: chosen, namespace: NAMESPACE })
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { tool: error.words.includes('the specifications of the schema') ? 'schema' : 'chart', words: error.words }
  }
}

/** The first tool that refuses it, of those that need no API server. */
export async function refusalOf (
  context: Context,
  judge: Judge,
  fault: Omit<DeliberateFault, 'tool' | 'says'>
): Promise<Refusal | undefined> {
  const rendered = await renderFault(context, fault)
  return 'tool' in rendered ? rendered : await refusalOfRendered(context, judge, fault, rendered)
}

/** What is rendered with a fault that only an API server can find; throws where another tool finds it. */
export async function acceptedFault (context: Context, judge: Judge, fault: DeliberateFault): Promise<Rendered> {
  const rendered = await renderFault(context, fault)
  const refusal = 'tool' in rendered ? rendered : await refusalOfRendered(context, judge, fault, rendered)
  if (refusal === undefined && !('tool' in rendered)) return rendered
  throw new Fault(`${refusal?.tool} refuses it already`, refusal?.words)
}

async function refusalOfRendered (
  context: Context,
  judge: Judge,
  fault: Pick<DeliberateFault, 'strimzi'>,
  rendered: Rendered
): Promise<Refusal | undefined> {
  try {
    await judge.judge(rendered.text)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { tool: 'kubeconform', words: error.words }
  }
  const { objects } = rendered
  const system = async (): Promise<KubernetesObject[]> => await systemObjects(context, ENVIRONMENT, fault.strimzi ?? 'v1', rendered)
  const byTool: ReadonlyArray<readonly [Refuser, () => Promise<readonly string[]>]> = [
    ['objects', async () => await Promise.resolve([
        ...podFaults(objects),
        ...selectorFaults(objects),
        ...matchFaults(objects),
        ...namespaceFaults(rendered),
        ...labelFaults(objects),
        ...doubleFaults(objects)
    ])],
    ['program', async () => await programFaults(objects, await readImage(context.root))],
    ['system', async () => wiringFaults(await system())],
    ['acls', async () => differences(usersOf(await system()), await readTable(context.root))]
  ]
  for (const [tool, faultsOf] of byTool) {
    const faults = await faultsOf()
    if (faults.length > 0) return { tool, words: faults.join('\n') }
  }
  return undefined
}

async function edited ({ root }: Context, chart: string, { file, from, to }: Edit, into: string): Promise<string> {
  await cp(join(root, 'deploy', 'helm'), into, { recursive: true, verbatimSymlinks: true })
  const path = join(into, file)
  const text = await readFile(path, 'utf8')
  if (!text.includes(from)) throw new Fault(`the fault is out of date: ${file} has no`, from)
  await writeFile(path, text.replaceAll(from, () => to))
  return join(into, chart)
}
