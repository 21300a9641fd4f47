// The umbrella chart and its parts are two ways to the same system: its values say what theirs say, and it renders what they render.
import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { stringify } from 'yaml'
import { Fault, none, type Check, type Context, type Group } from '../check.ts'
import { partObjects, partsOf, umbrellaParts } from '../helm/applications.ts'
import { firstDifference } from '../difference.ts'
import { environmentNames } from '../helm/charts.ts'
import { nameOf, type KubernetesObject } from '../helm/render.ts'
import { composeUmbrella, UMBRELLA, umbrellaFile } from '../helm/umbrella.ts'

export const umbrella: Group = {
  name: 'umbrella',
  about: 'the umbrella chart is the sum of its parts',
  tools: ['helm'],
  checks: async context => (await environmentNames(context.root)).flatMap(environment => checksOf(context, environment))
}

function checksOf (context: Context, environment: string): Check[] {
  const { root } = context
  return [
    {
      title: `deploy/environments/${environment}/${UMBRELLA}.yaml says what the files of the components say`,
      run: async () => {
        const found = await readFile(umbrellaFile(root, environment), 'utf8').catch(() => '')
        if (found !== await composeUmbrella(root, environment)) throw new Fault('it is not current: npm run check:deploy -- --write')
      }
    },
    ...['v1', 'v1beta2'].map(strimzi => ({
      title: `${environment}, Strimzi ${strimzi}: the umbrella renders what its parts render, and nothing else but its own test`,
      run: async () => {
        const [parts, whole] = await Promise.all([partsOf(context, environment), umbrellaParts(context, environment)])
        const taken = parts.filter(({ release }) => !whole.some(part => part.release === release))
        if (taken.length === 0) throw new Fault('it takes no part along')
        const apart = (await Promise.all(taken.map(async part => await partObjects(context, part, strimzi)))).flat()
        const together = await partObjects(context, whole.at(-1)!, strimzi)
        none(differences(apart, together), 'differences')
      }
    }))
  ]
}

/** What is in one and not in the other, or otherwise there. The release has one name in both, so even the labels are the same. */
export function differences (apart: readonly KubernetesObject[], together: readonly KubernetesObject[]): string[] {
  const key = (object: KubernetesObject): string =>
    `${object.apiVersion} ${nameOf(object)} in ${object.metadata.namespace ?? 'no namespace'}`
  const found = new Map(together.map(object => [key(object), object]))
  const faults = apart.flatMap(object => {
    const other = found.get(key(object))
    found.delete(key(object))
    if (other === undefined) return [`${key(object)}: only in its own chart`]
    return isDeepStrictEqual(other, object) ? [] : [`${key(object)}: differs\n${difference(object, other)}`]
  })
  const own = (object: KubernetesObject): boolean =>
    object.kind === 'Pod' && object.metadata.annotations?.['helm.sh/hook'] === 'test' &&
    object.metadata.name.startsWith(`${UMBRELLA}-test-`)
  return [...faults, ...[...found].filter(([, object]) => !own(object)).map(([name]) => `${name}: only in the umbrella`)]
}

function difference (apart: KubernetesObject, together: KubernetesObject): string {
  const { before, after } = firstDifference(stringify(apart), stringify(together))
  return `  - ${before}\n  + ${after}`
}
