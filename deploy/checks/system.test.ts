// What no chart can be asked alone: the wiring and the network of every environment, the users against deploy/acls.json, and idfint against
// DMTN-210.
import { readFile, readdir, readlink, stat } from 'node:fs/promises'
import { join, normalize, sep } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import type { AclTable } from '../../src/devstack/acls.ts'
import { deviations, terraformProblems } from './dmtn-210.ts'
import { environmentFile, environments, IDFINT, systemObjects } from './helm/charts.ts'
import { networkProblems } from './helm/network.ts'
import { wiringProblems, type Given } from './helm/wiring.ts'
import { listedUsers, renderedUsers } from './kafka-users.ts'
import { STRIMZI } from './tools/pins.ts'
import { ROOT } from './tools/toolbox.ts'

interface Values { readonly global?: { readonly kafka?: { readonly existing?: Given['kafka'] } }, readonly knownTopics?: readonly string[] }

/** What an environment takes from others, by its values. */
async function given (environment: string): Promise<Given> {
  const values = parse(await readFile(environmentFile(environment), 'utf8')) as Values
  const secrets = [...JSON.stringify(values).matchAll(/"(?:existingSecret|caSecret)":"([^"]+)"/g)].map(([, name = '']) => name)
  const kafka = values.global?.kafka?.existing
  return { ...kafka === undefined ? {} : { kafka }, topics: values.knownTopics ?? [], secrets }
}

for (const environment of environments) {
  await t.test(`${environment}: wiring of clusters, listeners, users, topics, Secrets and service accounts`, async t => {
    t.same(wiringProblems(await systemObjects(environment), await given(environment)), [])
  })

  await t.test(`${environment}: Services, Ingresses, autoscalers, NetworkPolicies and DNS`, async t => {
    t.same(networkProblems(await systemObjects(environment)), [])
  })
}

await t.test(`the users of ${IDFINT} are those of deploy/acls.json, rule by rule`, async t => {
  const table = JSON.parse(await readFile(join(ROOT, 'deploy/acls.json'), 'utf8')) as AclTable
  t.same(renderedUsers(await systemObjects(IDFINT)), listedUsers(table))
})

await t.test(`${IDFINT} has the numbers and names of DMTN-210`, async t => { t.same(deviations(await systemObjects(IDFINT)), []) })

for (const environment of ['idfint', 'prod']) {
  await t.test(`${environment}: names that Terraform makes are those of the charts`, async t => {
    const variables = await readFile(join(ROOT, 'deploy/terraform/environments', environment, 'terraform.tfvars'), 'utf8')
    t.same(terraformProblems(variables, await systemObjects(environment)), [])
  })
}

await t.test(`values, README and Argo CD install Strimzi ${STRIMZI}`, async t => {
  for (const file of ['helm/strimzi/README.md', 'helm/strimzi/values.yaml', 'argocd/values.yaml'])
    t.match(await readFile(join(ROOT, 'deploy', file), 'utf8'), STRIMZI, file)
})

await t.test('links in deploy/ stay in the repository, as Argo CD requires', async t => {
  const entries = await readdir(join(ROOT, 'deploy'), { recursive: true, withFileTypes: true })
  for (const entry of entries.filter(each => each.isSymbolicLink())) {
    const path = join(entry.parentPath, entry.name)
    const target = await readlink(path)
    t.ok(!target.startsWith(sep) && normalize(join(entry.parentPath, target)).startsWith(ROOT), path)
    t.ok(await stat(path).then(() => true, () => false), path)
  }
})
