// The ways in from outside, as charts render them, on a real NGINX: the schema registry is read by everybody and written by nobody, the
// archive is read by who has the scope.
import type { Group } from '../check.ts'
import { archiveChecks } from '../ingress/archive.ts'
import { registryChecks } from '../ingress/registry.ts'

export const ingress: Group = {
  name: 'ingress',
  about: 'rules of ingresses, on a real NGINX',
  tools: ['helm', 'nginx'],
  checks: async context => await Promise.resolve([...registryChecks(context), ...archiveChecks(context)])
}
