// The table of who may do what in Kafka: what must be true of it for Strimzi to take it as it is.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { faultsOf } from '../acls.ts'
import { none, type Group } from '../check.ts'

export const acls: Group = {
  name: 'acls',
  about: 'who may do what in Kafka',
  tools: [],
  claims: ['acls.json'],
  checks: async ({ root }) => await Promise.resolve([{
    title: 'deploy/acls.json is a table that Strimzi takes, and gives nobody more than the design does',
    run: async () => {
      const table = JSON.parse(await readFile(join(root, 'deploy', 'acls.json'), 'utf8')) as Parameters<typeof faultsOf>[0]
      none(faultsOf(table), 'faults')
    }
  }])
}
