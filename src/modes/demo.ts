// demo: what `npm start` runs. The whole system on this machine: real Kafka and schema registry, a generated visit loaded and played every
// 37 seconds, archived and served. Modes run as processes of their own. Ctrl-C drains them in order and stops the servers.
import { rm } from 'node:fs/promises'
import { modeErrors } from './errors.ts'
import { mode, type Host } from './mode.ts'
import { compare, smokeLine, type SmokeResult } from './demo/smoke.ts'
import { demoFlags, settingsOf, type Settings } from './demo/settings.ts'
import { openState, removeDemoFile } from './demo/state.ts'
import { startSystem, type DemoSystem } from './demo/system.ts'
import { visitLine, visits, type VisitReport } from './demo/visits.ts'

function whereEverythingIs ({ file }: DemoSystem, { stateDir, intervalSeconds }: Settings): string {
  return [
    '',
    `Kafka      ${file.kafka}   topics ${file.topics.static}, ${file.topics.simulated}, ${file.topics.deadLetters}`,
    `Registry   ${file.registry}`,
    `API        ${file.api}/v1`,
    `Archive    ${file.archive.alerts}`,
    `Logs       ${stateDir}/modes/*/log, ${stateDir}/kafka/kafka.log`,
    ...(intervalSeconds < 0 ? [] : ['', `A visit is published every ${intervalSeconds} s; one line each. Ctrl-C drains and stops everything.`]),
    ''
  ].join('\n') + '\n'
}

/** Prints visit lines until the stop, or until `passes` are archived. */
async function watch (system: DemoSystem, passes: number | undefined, host: Host, onVisit: (report: VisitReport) => Promise<void>): Promise<void> {
  const watching = (async () => {
    for await (const report of visits(system.play, system.ingest, host.stop)) {
      await onVisit(report)
      if (passes !== undefined && report.pass.pass >= passes) return
    }
  })()
  watching.catch(() => {})
  await Promise.race([watching, system.failed])
}

export default mode({
  mode: 'demo',
  summary: 'Runs all of it on this machine: Kafka, schema registry, simulator, ingester, archive and API.',
  about: 'Downloads what is missing once (Kafka and a schema registry by Maven, the survey\'s schemas by pip), generates a visit of alerts, publishes it every 37 s, archives and serves it. State is kept: a second start goes on where the first stopped.',
  examples: ['npm start', 'npm start -- --alerts 10000', 'npm start -- --file latest_single_visit_sample.avro', 'npm start -- --broker localhost:9092 --schema-registry-url http://localhost:8081'],
  flags: demoFlags,
  async run (config, _positionals, host) {
    const settings = settingsOf(config, host.cwd)
    const say = (line: string): void => { void host.print(`${line}\n`) }
    if (config.smoke) await rm(settings.stateDir, { recursive: true, force: true })
    await openState(settings.stateDir)
    let system: DemoSystem | undefined
    let result: SmokeResult | undefined
    try {
      system = await startSystem(settings, host, say)
      await host.print(whereEverythingIs(system, settings))
      await watch(system, config.smoke ? 1 : config.passes, host, async report => host.print(visitLine(report)))
      if (config.smoke && !host.stop.aborted) result = await compare(system.file)
    } catch (error) {
      // A stop in the midst of the start ends like any other stop.
      if (!host.stop.aborted) throw error
    } finally {
      if (system !== undefined) {
        say('stopping: simulator, ingester, API, servers')
        await removeDemoFile(settings.stateDir)
        await system.stop()
        say('stopped')
      }
    }
    if (config.smoke) await verdict(result, settings, host)
  }
})

/** Prints the smoke test's line; keeps the state folder where something is wrong. Error: SMOKE_FAILED. */
async function verdict (result: SmokeResult | undefined, settings: Settings, host: Host): Promise<void> {
  if (result === undefined) throw modeErrors.SMOKE_FAILED('stopped before anything was compared', { where: settings.stateDir })
  const expected = settings.alerts * settings.config.visits
  for (const problem of result.problems) await host.print(`  ${problem}\n`)
  await host.print(smokeLine(result))
  const { published, archived, served, differ } = result
  if (published !== expected || archived !== expected || served !== expected || differ > 0) {
    throw modeErrors.SMOKE_FAILED(`${expected} alerts were to be published, archived and served alike`, { where: settings.stateDir })
  }
  await rm(settings.stateDir, { recursive: true, force: true })
}
