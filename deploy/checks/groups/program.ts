// Every container that runs our image, with all values: its mode, flags, variables, files and ports are those of the program.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, none, type Check, type Context, type Group } from '../check.ts'
import { findCharts, variantsOf } from '../helm/charts.ts'
import { containersOf, podsOf } from '../helm/pods.ts'
import { nameOf, render, renderingsOf, titleOf, type Rendering } from '../helm/render.ts'
import { containerFaults, imageEnv, isOurs, type Image } from '../program.ts'

export const program: Group = {
  name: 'program',
  about: 'what the charts hand to the program, by the program itself',
  tools: ['helm'],
  checks: async context => {
    const charts = (await findCharts(context.root)).filter(({ library }) => !library)
    const perChart = await Promise.all(charts.map(async chart => (await Promise.all((await variantsOf(context.root, chart)).map(renderingsOf))).flat()))
    const ours: string[] = []
    const image = await readImage(context)
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
  for (const rendering of renderings) {
    // What does not render is a failure of its own, in the group helm.
    const { objects } = await render(context, rendering).catch((error: unknown) => {
      if (error instanceof Fault) return { objects: [] }
      throw error
    })
    for (const pod of objects.flatMap(podsOf)) {
      for (const container of containersOf(pod).filter(isOurs)) {
        modes.push(container.args?.[0] ?? '')
        const found = await containerFaults(container, pod, image)
        faults.push(...found.map(fault => `${titleOf(rendering)}: ${nameOf(pod.owner)}, container ${container.name}: ${fault}`))
      }
    }
  }
  none([...new Set(faults)], 'faults')
}

async function readImage ({ root }: Context): Promise<Image> {
  const env = imageEnv(await readFile(join(root, 'Containerfile'), 'utf8'))
  return { env, folders: ['/usr/share/alert-stream', '/app'] }
}
