// Deliberate faults in values and templates: each is refused by the tool that is named for it, and by none before it. Those of the API
// server are tried where one runs: in the group `apiserver`.
import { Fault, type Check, type Context, type Group } from '../check.ts'
import type { DeliberateFault } from '../faults/fault.ts'
import { faults as all } from '../faults/index.ts'
import { refusalOf } from '../faults/refuse.ts'
import { makeJudge, type Judge } from '../helm/kubeconform.ts'

const LEAST = 16

export const faults: Group = {
  name: 'faults',
  about: 'deliberate faults, each refused by the tool named for it',
  tools: ['helm', 'kubeconform', 'schemas'],
  atOnce: 2,
  checks: async context => {
    let made: Promise<Judge> | undefined
    const judge = async (): Promise<Judge> => await (made ??= makeJudge(context))
    const here = all.filter(({ tool }) => tool !== 'kube-apiserver')
    if (here.length < LEAST) throw new Fault(`there are ${here.length} deliberate faults only`)
    return [
      // What is refused without a fault proves nothing.
      ...[...new Set(here.map(({ chart }) => chart))].map(chart => acceptedCheck(context, judge, chart)),
      ...here.map(fault => refusedCheck(context, judge, fault))
    ]
  }
}

function acceptedCheck (context: Context, judge: () => Promise<Judge>, chart: string): Check {
  return {
    title: `${chart}: without a fault no tool refuses it`,
    run: async () => {
      for (const strimzi of ['v1', 'v1beta2'] as const) {
        const refusal = await refusalOf(context, await judge(), { fault: 'none', chart, strimzi })
        if (refusal !== undefined) throw new Fault(`${refusal.tool} refuses it`, refusal.words)
      }
    }
  }
}

function refusedCheck (context: Context, judge: () => Promise<Judge>, fault: DeliberateFault): Check {
  return {
    title: `${fault.chart}: ${fault.fault} is refused by ${nameOf(fault)}`,
    run: async () => {
      const refusal = await refusalOf(context, await judge(), fault)
      if (refusal === undefined) throw new Fault('nobody refuses it')
      if (refusal.tool !== fault.tool) throw new Fault(`${refusal.tool} refuses it`, refusal.words)
      if (!fault.says.test(refusal.words)) throw new Fault(`it is refused, but not with ${String(fault.says)}`, refusal.words)
    }
  }
}

function nameOf ({ tool }: DeliberateFault): string {
  switch (tool) {
    case 'schema': return 'the schema of its values'
    case 'chart': return 'a message of the chart'
    case 'objects': return 'the checks of its objects'
    case 'program': return 'the program'
    case 'system': return 'the other charts'
    case 'acls': return 'deploy/acls.json'
    default: return tool
  }
}
