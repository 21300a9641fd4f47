// What no chart can be asked alone: the wiring and the network of every environment, the users against deploy/acls.json, and idfint against
// DMTN-210.
import { readFile, readdir, readlink, stat } from 'node:fs/promises'
import { join, normalize, sep } from 'node:path'
import { parse } from 'yaml'
import { none, type Check, type Context, type Group } from '../check.ts'
import { deviations, terraformProblems } from '../dmtn-210.ts'
import { environmentFile, environmentsOf, IDFINT, systemObjects } from '../helm/charts.ts'
import { networkProblems } from '../helm/network.ts'
import { wiringProblems, type Given } from '../helm/wiring.ts'
import { differences, readTable, usersOf } from '../kafka-users.ts'
import { STRIMZI } from '../tools/pins.ts'

export const system: Group = {
  name: 'system',
  about: 'wiring, network, users and numbers of the environments',
  tools: ['helm'],
  checks: async context => [
    ...(await environmentsOf(context.root)).flatMap((environment): Check[] => [
      { title: `${environment}: wiring of clusters, listeners, users, topics, Secrets and service accounts`, run: async () => {
        none(wiringProblems(await systemObjects(context, environment), await given(context.root, environment)))
      } },
      { title: `${environment}: Services, Ingresses, autoscalers, NetworkPolicies and DNS`, run: async () => {
        none(networkProblems(await systemObjects(context, environment)))
      } }
    ]),
    { title: `the users of ${IDFINT} are those of deploy/acls.json, rule by rule`, run: async () => {
      none(differences(usersOf(await systemObjects(context, IDFINT)), await readTable(context.root)))
    } },
    { title: `${IDFINT} has the numbers and names of DMTN-210`, run: async () =>
      { none(deviations(await systemObjects(context, IDFINT))) } },
    ...['idfint', 'prod'].map((environment): Check => ({ title: `${environment}: names that Terraform makes are those of the charts`,
      run: async () => {
      none(await terraformProblems(context.root, environment, await systemObjects(context, environment)))
    } })),
    { title: `values, README and Argo CD install Strimzi ${STRIMZI}`, run: async () => { none(await versionProblems(context)) } },
    { title: 'links in deploy/ stay in the repository, as Argo CD requires', run: async () => { none(await linkProblems(context.root)) } }
  ]
}

interface Values {
  readonly global?: { readonly kafka?: { readonly existing?: Given['kafka'] & { readonly caSecret?: string } } }
  readonly knownTopics?: readonly string[]
}

async function given (root: string, environment: string): Promise<Given> {
  const values = parse(await readFile(environmentFile(root, environment), 'utf8')) as Values
  const secrets = [...JSON.stringify(values).matchAll(/"(?:existingSecret|caSecret)":"([^"]+)"/g)].map(([, name = '']) => name)
  const kafka = values.global?.kafka?.existing
  return { ...kafka === undefined ? {} : { kafka }, topics: values.knownTopics ?? [], secrets }
}

async function versionProblems ({ root }: Context): Promise<string[]> {
  const files = ['helm/strimzi/README.md', 'helm/strimzi/values.yaml', 'argocd/values.yaml']
  const texts = await Promise.all(files.map(async file => [file, await readFile(join(root, 'deploy', file), 'utf8')] as const))
  return texts.filter(([, text]) => !text.includes(STRIMZI)).map(([file]) => `deploy/${file} does not name Strimzi ${STRIMZI}`)
}

async function linkProblems (root: string): Promise<string[]> {
  const entries = await readdir(join(root, 'deploy'), { recursive: true, withFileTypes: true })
  const problems = await Promise.all(entries.filter(entry => entry.isSymbolicLink()).map(async entry => {
    const path = join(entry.parentPath, entry.name)
    const target = await readlink(path)
    const inside = !target.startsWith(sep) && normalize(join(entry.parentPath, target)).startsWith(root)
    return inside && await stat(path).then(() => true, () => false) ? [] : [`${path} -> ${target}`]
  }))
  return problems.flat()
}
