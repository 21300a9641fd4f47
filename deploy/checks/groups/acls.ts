// The table of who may do what in Kafka, which test/access proves on a real broker: Strimzi has to take it as it is, and the charts have to
// render it for the environment that reproduces DMTN-210, user for user.
import { faultsOf } from '../acls.ts'
import { none, type Group } from '../check.ts'
import { ENVIRONMENT, systemObjects } from '../helm/system.ts'
import { differences, readTable, usersOf } from '../kafka-users.ts'

export const acls: Group = {
  name: 'acls',
  about: 'who may do what in Kafka',
  tools: ['helm'],
  claims: ['acls.json'],
  checks: async context => await Promise.resolve([
    {
      title: 'deploy/acls.json is a table that Strimzi takes, and gives nobody more than the design does',
      run: async () => { none(faultsOf(await readTable(context.root)), 'faults') }
    },
    ...(['v1', 'v1beta2'] as const).map(strimzi => ({
      title: `the users that the charts render for ${ENVIRONMENT}, Strimzi ${strimzi}, are those of deploy/acls.json, rule for rule`,
        run: async () => {
          none(differences(usersOf(await systemObjects(context, ENVIRONMENT, strimzi)), await readTable(context.root)), 'differences')
        }
    }))
  ])
}
