// What must be true of deploy/acls.json for Strimzi to take its rules as they are, and for nobody to get more than the design gives.
const operations = ['All', 'Read', 'Write', 'Create', 'Delete', 'Alter', 'Describe', 'ClusterAction', 'DescribeConfigs', 'AlterConfigs',
  'IdempotentWrite']
const reading = ['Describe', 'DescribeConfigs', 'Read']

interface Rule { resource?: { type?: unknown, name?: unknown, patternType?: unknown }, operations?: unknown, host?: unknown }
interface User { name?: unknown, authentication?: unknown, about?: unknown, acls?: unknown }

/** What is wrong with a table, one line each. */
export function faultsOf (table: { readonly superUsers?: readonly User[], readonly users?: readonly User[] }): string[] {
  const faults: string[] = []
  const names = new Set<unknown>()
  const { superUsers = [], users = [] } = table
  if (!superUsers.some(({ authentication }) => authentication === 'tls')) faults.push('no super user comes in with a certificate')
  if (users.length === 0) faults.push('there are no users')
  for (const user of [...superUsers, ...users]) {
    const who = String(user.name)
    // The name of a Kubernetes object, and with it of its secret.
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(who)) faults.push(`${who}: not a name that Kubernetes takes`)
    if (names.has(user.name)) faults.push(`${who}: twice`)
    names.add(user.name)
    if (user.authentication !== 'tls' && user.authentication !== 'scram-sha-512')
      faults.push(`${who}: authentication ${String(user.authentication)}`)
    if (typeof user.about !== 'string' || user.about === '') faults.push(`${who}: nothing says what it is about`)
  }
  for (const user of users) {
    const rules = Array.isArray(user.acls) ? user.acls as Rule[] : []
    if (rules.length === 0) faults.push(`${String(user.name)}: no rule`)
    for (const rule of rules) faults.push(...ruleFaults(rule).map(fault => `${String(user.name)}: ${fault}`))
  }
  return faults
}

function ruleFaults ({ resource = {}, operations: allowed, host }: Rule): string[] {
  const faults: string[] = []
  const { type, name, patternType } = resource
  const what = `${String(type)} ${String(name)}`
  const list = Array.isArray(allowed) ? allowed as unknown[] : []
  if (type !== 'topic' && type !== 'group' && type !== 'transactionalId') faults.push(`${what}: a rule for ${String(type)}`)
  if (typeof name !== 'string' || name === '') faults.push(`${what}: no name`)
  if (patternType !== 'literal' && patternType !== 'prefix') faults.push(`${what}: patternType ${String(patternType)}`)
  if (host !== '*') faults.push(`${what}: host ${String(host)}`)
  if (list.length === 0) faults.push(`${what}: no operation`)
  for (const operation of list)
    if (!operations.includes(String(operation))) faults.push(`${what}: no operation of Kafka: ${String(operation)}`)
  if (new Set(list).size < list.length) faults.push(`${what}: an operation twice`)
  const wide = name === '*' || (typeof name === 'string' && patternType === 'prefix' && name.length < 4)
  if (wide && !(type === 'topic' && list.every(operation => reading.includes(String(operation)))))
    faults.push(`${what}: more than reading, on all of them`)
  if (type === 'topic' && list.includes('All')) faults.push(`${what}: everything on a topic`)
  return faults
}
