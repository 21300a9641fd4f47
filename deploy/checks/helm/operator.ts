// Strimzi's operator is no chart of ours, so its values cannot be rendered here. What can be checked: they watch the namespace that all is
// in, and whoever installs it is told of the release whose definitions everything is checked against.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { STRIMZI } from '../tools/strimzi.ts'
import { NAMESPACE } from './render.ts'

interface Values { readonly watchNamespaces?: readonly string[], readonly strimzi?: { readonly version?: string } }

/** What is wrong with the values for the operator and with what is said about it; one line each. */
export async function operatorFaults (root: string): Promise<string[]> {
  const read = async (path: string): Promise<string> => await readFile(join(root, 'deploy', path), 'utf8')
  const faults: string[] = []
  const { watchNamespaces = [] } = parse(await read('helm/strimzi/values.yaml')) as Values
  if (!watchNamespaces.includes(NAMESPACE)) faults.push(`helm/strimzi/values.yaml: watchNamespaces does not have ${NAMESPACE}`)
  for (const path of ['helm/strimzi/README.md', 'helm/strimzi/values.yaml', 'helm/alert-stream/README.md']) {
    if (!(await read(path)).includes(STRIMZI))
      faults.push(`${path}: does not tell of Strimzi ${STRIMZI}, whose definitions the checks have`)
  }
  const { strimzi } = parse(await read('argocd/values.yaml')) as Values
  if (strimzi?.version !== STRIMZI)
    faults.push(`argocd/values.yaml: installs Strimzi ${strimzi?.version ?? '(none)'}, and the checks have the definitions of ${STRIMZI}`)
  return faults
}
