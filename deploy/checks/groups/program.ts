// Every container that runs our image, with all values: its mode, flags, variables, files and ports are those of the program.
import { Fault, none, type Check, type Context, type Group } from '../check.ts'
import { findCharts, variantsOf } from '../helm/charts.ts'
import { render, renderingsOf, titleOf, type Rendering } from '../helm/render.ts'
import { modesOf, programFaults, readImage, type Image } from '../program.ts'

export const program: Group = {
  name: 'program',
  about: 'what the charts hand to the program, by the program itself',
  tools: ['helm'],
  checks: async context => {
    const charts = (await findCharts(context.root)).filter(({ library }) => !library)
    const perChart = await Promise.all(
      charts.map(async chart => (await Promise.all((await variantsOf(context.root, chart)).map(renderingsOf))).flat())
    )
    const ours: string[] = []
    const image = await readImage(context.root)
    return [
      ...perChart.map((renderings): Check => ({
        title: `${renderings[0]?.chart.name}: mode, flags, variables, files and ports of each container are the program's`,
        run: async () => { await checkContainers(context, renderings, image, ours) }
      })),
      {
        title: 'the charts run the modes sync-schema, create-stream, play-stream, ingest, redrive and serve',
        // Else the checks before this one might have passed over everything.
        run: async () => {
          const lacking = ['sync-schema', 'create-stream', 'play-stream', 'ingest', 'redrive', 'serve'].filter(mode => !ours.includes(mode))
          if (lacking.length > 0) throw new Fault(`no container runs ${lacking.join(', ')}`)
          return await Promise.resolve()
        }
      }
    ]
  }
}

/** Throws where one has a fault; adds the modes that they run. */
async function checkContainers (context: Context, renderings: readonly Rendering[], image: Image, modes: string[]): Promise<void> {
  const faults: string[] = []
  let rendered = 0
  for (const rendering of renderings) {
    // What does not render is a failure of its own, in the group helm.
    const { objects } = await render(context, rendering).catch((error: unknown) => {
      if (error instanceof Fault) return { objects: [] }
      throw error
    })
    if (objects.length > 0) rendered++
    modes.push(...modesOf(objects))
    faults.push(...(await programFaults(objects, image)).map(fault => `${titleOf(rendering)}: ${fault}`))
  }
  if (rendered === 0) throw new Fault('it renders with none of its values')
  none(faults, 'faults')
}
