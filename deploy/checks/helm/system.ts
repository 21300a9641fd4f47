// The whole system as an environment has it: what all of its charts render together.
import type { Context } from '../check.ts'
import { components, findCharts, variantsOf } from './charts.ts'
import { render, renderingsOf, type KubernetesObject, type Rendered } from './render.ts'

/** The one that reproduces DMTN-210. */
export const ENVIRONMENT = 'idfint'

/** Of all charts but the umbrella, which renders the same ones again. `instead` takes the place of what its chart renders. */
export async function systemObjects (
  context: Context,
  wanted: string,
  strimzi: 'v1' | 'v1beta2',
  instead?: Rendered
): Promise<KubernetesObject[]> {
  const variants = (await Promise.all(components(await findCharts(context.root)).map(async chart => await variantsOf(context.root, chart))))
    .flat()
  const renderings = (await Promise.all(variants.filter(({ environment }) => environment === wanted).map(renderingsOf))).flat()
    .filter(rendering => rendering.strimzi === undefined || rendering.strimzi === strimzi)
  const rendered = await Promise.all(renderings.map(async rendering =>
    rendering.chart.name === instead?.rendering.chart.name ? instead : await render(context, rendering)))
  return rendered.flatMap(({ objects }) => [...objects])
}
