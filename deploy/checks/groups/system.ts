// What no chart can be asked by itself: whether all parts of an environment reach each other, and whether Argo CD's project lets them be
// installed.
import { none, type Check, type Context, type Group } from '../check.ts'
import { applicationsOf, partObjects, partsOf, umbrellaParts } from '../helm/applications.ts'
import { environmentNames } from '../helm/charts.ts'
import { linkFaults } from '../helm/links.ts'
import { networkFaults } from '../helm/network.ts'
import { projectFaults } from '../helm/project.ts'
import { systemObjects } from '../helm/system.ts'

export const system: Group = {
  name: 'system',
  about: 'the parts of an environment reach each other, and what Argo CD has to know of them',
  tools: ['helm'],
  checks: async context => [
    {
      title: 'every link in deploy/ stays in the repository all the way, as Argo CD demands',
      run: async () => {
        none(await linkFaults(context.root, 'deploy'), 'faults')
      }
    },
    ...(await environmentNames(context.root)).flatMap(environment => checksOf(context, environment))
  ]
}

function checksOf (context: Context, environment: string): Check[] {
  return [
    {
      title: `${environment}: Services, Ingresses, autoscalers and NetworkPolicies lead where they should`,
      run: async () => {
        none(networkFaults(await systemObjects(context, environment, 'v1')), 'faults')
        // The umbrella has a test of its own, which goes through all of it.
        none(networkFaults(await partObjects(context, (await umbrellaParts(context, environment)).at(-1)!, 'v1')), 'faults in the umbrella')
      }
    },
    {
      title: `${environment}: Argo CD's project allows what its Applications install, and no kind of the cluster besides`,
      run: async () => {
        const [{ objects: applications }, parts] = await Promise.all([applicationsOf(context, environment), partsOf(context, environment)])
        const rendered = await Promise.all(parts.map(async part => await partObjects(context, part, undefined)))
        none(projectFaults(applications, rendered.flat()), 'faults')
      }
    }
  ]
}
