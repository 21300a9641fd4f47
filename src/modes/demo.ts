// demo: what `npm start` runs. The whole system on this machine: real Kafka and schema registry, a generated visit loaded and played every
// 37 seconds, archived and served. Modes run as processes of their own. Ctrl-C drains them in order and stops the servers.
import { rm } from 'node:fs/promises'
import { openContainer } from '../avro/index.ts'
import { usageErrors } from '../config/errors.ts'
import { modeErrors } from '../program/errors.ts'
import { mode, type Host } from '../program/mode.ts'
import { compare, isWell, smokeLine, type SmokeResult } from '../demo/smoke.ts'
import { demoFlags, settingsOf, type Settings } from '../demo/settings.ts'
import { emptySmokeFolder, readVisits, withState, writeVisits } from '../demo/state.ts'
import { startSystem, type DemoSystem } from '../demo/system.ts'
import { visitLine, visits } from '../demo/visits.ts'

function whereEverythingIs ({ file }: DemoSystem, { stateDir, intervalSeconds }: Settings): string {
  return [
    '',
    `Kafka      ${file.kafka}   topics ${file.topics.static}, ${file.topics.simulated}, ${file.topics.deadLetters}`,
    ...(file.security === undefined ? [] : [
      `           SCRAM-SHA-512 over TLS: passwords ${file.security.passwords}/NAME, authority ${file.security.ca}`,
      `           inside ${file.security.internal}, mutual TLS: ${file.security.certificates}/NAME.crt, .key; who may do what: deploy/acls.json`
    ]),
    `Registry   ${file.registry}`,
    `API        ${file.api}/v1`,
    `Archive    ${file.archive.alerts}`,
    ...(file.storageEmulator === undefined ? [] : [`           schemas ${file.archive.schemas}; STORAGE_EMULATOR_HOST=${file.storageEmulator}`]),
    `Metrics    ${Object.entries(file.admin).map(([part, url]) => `${url}/metrics (${part})`).join(', ')}`,
    `Logs       ${stateDir}/modes/*/log, ${stateDir}/kafka/kafka.log${file.storageEmulator === undefined ? '' : `, ${stateDir}/gcs/gcs.log`}`,
    ...(intervalSeconds < 0 ? [] : ['', `A visit is published every ${intervalSeconds} s; one line each. Ctrl-C drains and stops everything.`]),
    ''
  ].join('\n') + '\n'
}

/** Prints visit lines until the stop, or until `passes` are archived. Visits are numbered on from earlier starts. */
async function watch (system: DemoSystem, { stateDir }: Settings, passes: number | undefined, host: Host): Promise<void> {
  const earlier = await readVisits(stateDir)
  const watching = (async () => {
    for await (const report of visits(system, host.stop)) {
      const visit = earlier + report.pass.pass
      await host.print(visitLine(visit, report))
      await writeVisits(stateDir, visit)
      if (passes !== undefined && report.pass.pass >= passes) return
    }
  })()
  watching.catch(() => {})
  await Promise.race([watching, system.failed])
}

/** Starts, watches and stops the system. Resolves with the comparison of a smoke test that came to it. */
async function runSystem (settings: Settings, host: Host): Promise<{ readonly result: SmokeResult, readonly expected: number } | undefined> {
  const { config } = settings
  const say = (line: string): void => { void host.print(`${line}\n`) }
  let system: DemoSystem | undefined
  try {
    system = await startSystem(settings, host, say)
    await host.print(whereEverythingIs(system, settings))
    await watch(system, settings, config.smoke ? 1 : config.passes, host)
    if (!config.smoke || host.stop.aborted) return undefined
    const expected = config.file === undefined ? settings.alerts * config.visits : system.loaded
    return { result: await Promise.race([compare(system.file), system.failed]), expected }
  } catch (error) {
    // A stop in the midst of the start ends like any other stop.
    if (!host.stop.aborted) throw error
    return undefined
  } finally {
    if (system !== undefined) {
      say('stopping: simulator, ingester, API, servers')
      await system.stop()
      say('stopped')
    }
  }
}

/** Prints the smoke test's line. Error: SMOKE_FAILED. */
async function verdict (result: SmokeResult, expected: number, settings: Settings, host: Host): Promise<void> {
  for (const problem of result.problems) await host.print(`  ${problem}\n`)
  await host.print(smokeLine(result))
  if (isWell(result, expected)) return
  throw modeErrors.SMOKE_FAILED(`${expected} alerts were to be published, archived and served alike`, { where: settings.stateDir })
}

export default mode({
  mode: 'demo',
  about: 'Downloads what is missing once (Kafka and a schema registry by Maven, the survey\'s schemas by pip), generates a visit of alerts, publishes it every 37 s, archives and serves it. State is kept: a second start goes on where the first stopped.',
  examples: ['npm start', 'npm start -- --alerts 10000', 'npm start -- --store gs', 'npm start -- --secure', 'npm start -- --file latest_single_visit_sample.avro', 'npm start -- --broker localhost:9092 --schema-registry-url http://localhost:8081'],
  flags: demoFlags,
  async run (config, _positionals, host) {
    if (config.secure && config.broker !== undefined) {
      throw usageErrors.USAGE_BAD_VALUE('--secure locks the doors of a Kafka that the demo starts, but --broker names another', { where: 'demo', hint: 'Leave one of them out.' })
    }
    const settings = settingsOf(config, host.cwd)
    // Before anything is downloaded or started for it.
    if (config.file !== undefined) await (await openContainer(config.file, { decode: false })).close()
    await withState(settings.stateDir, host.log, async () => {
      if (config.smoke) await emptySmokeFolder(settings.stateDir)
      const outcome = await runSystem(settings, host)
      if (!config.smoke) return
      if (outcome === undefined) throw modeErrors.SMOKE_FAILED('stopped before anything was compared', { where: settings.stateDir })
      await verdict(outcome.result, outcome.expected, settings, host)
      // The folder of a test that failed is kept.
      await rm(settings.stateDir, { recursive: true, force: true })
    })
  }
})
