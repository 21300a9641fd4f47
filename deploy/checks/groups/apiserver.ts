// What a real kube-apiserver says to every object, and to the way in which an operator installs, changes and removes the charts.
import type { Group } from '../check.ts'
import { ApiServerChecks } from '../apiserver/checks.ts'
import { definitionTools } from '../apiserver/definitions.ts'

export const apiserver: Group = {
  name: 'apiserver',
  about: 'a real kube-apiserver takes every object, and helm installs the charts into it',
  tools: ['helm', 'kubectl', 'kube-apiserver', 'etcd', 'kubeconform', 'schemas', ...definitionTools],
  checks: async context => await new ApiServerChecks(context).list()
}
