// What no chart can be asked alone: wiring and network of every environment, users against deploy/acls.json, names against Terraform.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { principalOf, readAclTable } from '../../src/devstack/acls.ts'
import { environmentFile, environments, IDFINT, systemObjects } from './helm/charts.ts'
import { networkProblems } from './helm/network.ts'
import { wiringProblems, type Given } from './helm/wiring.ts'
import { pins, ROOT } from './tools/toolbox.ts'

interface KafkaUser { readonly authentication: { readonly type: string }, readonly authorization?: { readonly acls: readonly object[] } }
interface Kafka { readonly kafka: { readonly authorization: { readonly superUsers: readonly string[] } } }
interface Values { readonly global?: { readonly kafka?: { readonly existing?: Given['kafka'] } }, readonly knownTopics?: readonly string[] }

/** What an environment takes from others, by its values. */
async function given (environment: string): Promise<Given> {
  const values = parse(await readFile(environmentFile(environment), 'utf8')) as Values
  const secrets = [...JSON.stringify(values).matchAll(/"(?:existingSecret|readerSecret|caSecret)":"([^"]+)"/g)].map(([, name = '']) => name)
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
  const { superUsers, users } = await readAclTable()
  const objects = await systemObjects(IDFINT)
  const rules = (acls: readonly object[] = []): string[] => acls.map(acl => JSON.stringify(acl)).sort()
  const rendered = objects.filter(({ kind }) => kind === 'KafkaUser').map(({ metadata: { name }, spec }) => {
    const { authentication, authorization } = spec as KafkaUser
    return [name, authentication.type, rules(authorization?.acls)]
  })
  t.same(rendered.sort(), [...superUsers.map(user => ({ ...user, acls: [] })), ...users]
    .map(({ name, authentication, acls }) => [name, authentication, rules(acls)]).sort())
  const { spec } = objects.find(({ kind }) => kind === 'Kafka')!
  t.same((spec as Kafka).kafka.authorization.superUsers.map(name => `User:${name}`), superUsers.map(principalOf))
})

for (const environment of ['idfint', 'prod']) {
  await t.test(`${environment}: names that Terraform makes are those of the charts`, async t => {
    const variables = await readFile(join(ROOT, 'deploy/terraform/environments', environment, 'terraform.tfvars'), 'utf8')
    const [, project] = /^project_id += "(.*)"/m.exec(variables) ?? []
    // As in modules/alertdb/main.tf.
    const unique = createHash('sha256').update(`${project}/${environment}/`).digest('hex').slice(0, 8)
    const addresses = [...variables.matchAll(/"([^"/\n]+\.[^"/\n]+)"/g)].map(([, address = '']) => address)
    const wanted = [
      `--gcp-bucket-alerts=rubin-alertdb-${environment}-${unique}-packets`,
      `--gcp-bucket-schemas=rubin-alertdb-${environment}-${unique}-schemas`,
      ...['writer', 'indexer', 'reader'].map(name => `alertdb-${name}@${project}.iam.gserviceaccount.com`),
      ...addresses.flatMap(address => [0, 1, 2].map(id => address.replace('%d', String(id))))
    ]
    const rendered = JSON.stringify(await systemObjects(environment))
    t.same(wanted.filter(name => !rendered.includes(`"${name}"`)), [], 'names that no object has')
  })
}

const strimzi = pins['strimzi-crds']!.strimzi

await t.test(`values, README, Argo CD and kind.sh install Strimzi ${strimzi}`, async t => {
  for (const file of ['helm/strimzi/README.md', 'helm/strimzi/values.yaml', 'argocd/values.yaml', 'kind.sh'])
    t.match(await readFile(join(ROOT, 'deploy', file), 'utf8'), strimzi, file)
})
