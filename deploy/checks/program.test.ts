// Each container of the image against the program's own tables: mode, flags, variables, files, ports and probe paths.
import t from 'tap'
import { nameOf, render, variants } from './helm/charts.ts'
import { containersOf, podsOf } from './helm/pods.ts'
import { containerFaults, isOurs } from './program.ts'

/** Modes that the charts must run, so that a container that the check does not recognise is noticed. */
const MODES = ['compact', 'copy', 'create-stream', 'index', 'ingest', 'play-stream', 'redrive', 'serve', 'sync-schema', 'verify']
const run = new Set<string | undefined>()

for (const variant of variants) {
  await t.test(`${variant.chart.name}, ${variant.title}: flags, variables, files, ports and probes are the program's`, async t => {
    const { objects } = await render(variant)
    for (const pod of objects.flatMap(podsOf)) {
      for (const container of containersOf(pod).filter(isOurs)) {
        t.same(await containerFaults(container, pod), [], `${nameOf(pod.owner)}, container ${container.name}`)
        run.add(container.args?.[0])
      }
    }
  })
}

await t.test(`the charts run the modes ${MODES.join(', ')}`, async t => { t.same(MODES.filter(mode => !run.has(mode)), []) })
