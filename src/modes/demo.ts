// demo (`npm start`): runs the whole system on this machine, with a real Kafka and schema registry. A generated visit is published every
// 37 seconds, archived and served. Ctrl-C drains the processes in order and stops the servers.
import { rm } from 'node:fs/promises'
import { openContainer } from '../avro/index.ts'
import { resolveCompressor } from '../compression/open-compressor.ts'
import { usageErrors } from '../config/errors.ts'
import { endpointLines } from '../demo/endpoints.ts'
import { demoErrors } from '../demo/errors.ts'
import type { PrintLine } from '../demo/run-mode.ts'
import { demoFlags, settingsOf, type Settings } from '../demo/settings.ts'
import { compareDemo, reportSmoke, type SmokeResult } from '../demo/smoke.ts'
import { emptySmokeFolder, readVisits, withStateFolder, writeVisits } from '../demo/state-folder.ts'
import { startSystem, type DemoSystem } from '../demo/system.ts'
import { visitLine, visitReports } from '../demo/visit-reports.ts'
import { mode, type Host } from '../program/mode.ts'

/** Prints one line per archived visit, until the host stops or `passes` passes are archived. A restart continues the visit numbers. */
async function reportVisits (system: DemoSystem, { stateDir }: Settings, passes: number | undefined, host: Host): Promise<void> {
  const earlier = await readVisits(stateDir)
  const reporting = (async () => {
    for await (const report of visitReports(system, host.stop)) {
      const visit = earlier + report.pass.pass
      await host.print(visitLine(visit, report))
      await writeVisits(stateDir, visit)
      if (passes !== undefined && report.pass.pass >= passes) return
    }
  })()
  reporting.catch(() => {})
  await Promise.race([reporting, system.failed])
}

/** Starts the system, reports its visits and stops the system. Returns the result of a completed smoke test, otherwise undefined. */
async function runSystem (settings: Settings, host: Host, print: PrintLine): Promise<SmokeResult | undefined> {
  const { config } = settings
  let system: DemoSystem | undefined
  try {
    system = await startSystem(settings, host, print)
    for (const line of endpointLines(system.file, settings)) print(line)
    await reportVisits(system, settings, config.smoke ? 1 : config.passes, host)
    if (!config.smoke || host.stop.aborted) return undefined
    const expected = config.file === undefined ? settings.alerts * config.visits : system.loaded
    return { ...await Promise.race([compareDemo(system.file), system.failed]), expected }
  } catch (error) {
    // An error after a stop signal, such as an interrupted start, is not reported.
    if (!host.stop.aborted) throw error
    return undefined
  } finally {
    if (system !== undefined) {
      print(`stopping: simulator, ingester, ${settings.indexed ? 'indexer, ' : ''}API, servers`)
      await system.stop()
      print('stopped')
    }
  }
}

/** Error: USAGE_BAD_VALUE if a flag would have no effect. */
function checkFlags ({ secure, broker, fillIn, file, smoke, passes, interval }: Settings['config']): void {
  const bad = (what: string, hint: string) => usageErrors.USAGE_BAD_VALUE(what, { where: 'demo', hint })
  if (secure && broker !== undefined) {
    throw bad('--secure configures a Kafka that the demo starts, but --broker names an existing one', 'Omit --secure or --broker.')
  }
  if (fillIn && file === undefined) throw bad('--fill-in needs --file', 'Omit --fill-in: generated alerts have all fields.')
  if (!smoke) return
  if (passes !== undefined) throw bad('--smoke and --passes cannot be used together', 'Omit --passes: a smoke test is one pass.')
  if (interval !== undefined) throw bad('--smoke and --interval cannot be used together', 'Omit --interval: a smoke test is one pass.')
}

export default mode({
  mode: 'demo',
  about: 'The first start downloads Kafka and a schema registry (with Maven) and the alert schemas (with pip). ' +
    'The demo generates a visit of alerts, publishes it every 37 s, archives it and serves it. ' +
    'The demo keeps its state, so the next start continues with the same topics and archive.',
  examples: [
    'npm start', 'npm start -- --alerts 10000', 'npm start -- --store gs', 'npm start -- --secure',
    'npm start -- --file latest_single_visit_sample.avro',
    'npm start -- --broker localhost:9092 --schema-registry-url http://localhost:8081'
  ],
  flags: demoFlags,
  plainLogs: true,
  resolve: resolveCompressor,
  async run (config, _positionals, host) {
    checkFlags(config)
    // A compressor that cannot be used is reported before anything is started.
    resolveCompressor(config)
    const settings = settingsOf(config, host.cwd)
    const print: PrintLine = line => { void host.print(`${line}\n`) }
    // The file is checked before anything is downloaded or started.
    if (config.file !== undefined) await (await openContainer(config.file, { decode: false })).close()
    await withStateFolder(settings.stateDir, host.log, async () => {
      if (config.smoke) await emptySmokeFolder(settings.stateDir)
      const result = await runSystem(settings, host, print)
      if (!config.smoke) return
      if (result === undefined) throw demoErrors.SMOKE_FAILED('stopped before the comparison', { where: settings.stateDir })
      reportSmoke(result, settings.stateDir, print)
      // Reached only after a successful smoke test. The state folder of a failed smoke test is kept.
      await rm(settings.stateDir, { recursive: true, force: true })
    })
  }
})
