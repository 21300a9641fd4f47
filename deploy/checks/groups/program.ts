// Each container of the image against the program's own tables: mode, flags, variables, files, ports and probe paths.
import { Fault, none, type Check, type Context, type Group } from '../check.ts'
import { findCharts, render, variantsOf, type Variant } from '../helm/charts.ts'
import { modesOf, programFaults, readImage } from '../program.ts'

/** Modes that the charts must run, so that a container that the check does not recognise is noticed. */
const MODES = ['copy', 'create-stream', 'ingest', 'play-stream', 'redrive', 'serve', 'sync-schema', 'verify']

export const program: Group = {
  name: 'program',
  about: 'flags, variables, files, ports and probe paths in the charts, against the program\'s own tables',
  tools: ['helm'],
  checks: async context => {
    const run = new Set<string>()
    const charts = (await findCharts(context.root)).filter(({ library }) => !library)
    const variants = (await Promise.all(charts.map(async chart => await variantsOf(context.root, chart)))).flat()
    return [
      ...variants.map((variant): Check => ({
        title: `${variant.chart.name}, ${variant.title}: flags, variables, files, ports and probes are the program's`,
        run: async () => { for (const mode of await check(context, variant)) run.add(mode) }
      })),
      {
        title: `the charts run the modes ${MODES.join(', ')}`,
        run: async () => {
          const missing = MODES.filter(mode => !run.has(mode))
          if (missing.length > 0) throw new Fault(`no container runs ${missing.join(', ')}`)
          return await Promise.resolve()
        }
      }
    ]
  }
}

async function check (context: Context, variant: Variant): Promise<string[]> {
  const { objects } = await render(context, variant)
  none(await programFaults(objects, await readImage(context.root)))
  return modesOf(objects)
}
