// graph: prints the graph of a mode, from the declaration that the mode itself runs. It opens no connections.
import { usageErrors } from '../config/errors.ts'
import { flags } from '../config/flags.ts'
import { parseCommandLine } from '../config/parse.ts'
import { render } from '../pipeline/index.ts'
import { mode } from '../program/mode.ts'

export default mode({
  mode: 'graph',
  about: 'Flag values of the mode come from its defaults, the environment and the configuration file.',
  examples: ['alert-stream graph ingest', 'alert-stream graph play-stream --format dot | dot -Tsvg > play-stream.svg'],
  positionals: [{ name: 'MODE', description: 'a mode that runs a graph, such as ingest' }],
  flags: flags({
    format: { type: 'choice', choices: ['mermaid', 'dot', 'json'], default: 'mermaid', description: 'Output format.' }
  }),
  async run (config, [name = ''], host) {
    const target = await host.modes.find(name)
    if (target.describe === undefined) {
      const known = (await host.modes.all()).filter(({ describe }) => describe !== undefined).map(each => each.mode)
      throw usageErrors.USAGE_BAD_VALUE(`mode ${name} has no graph`, { where: 'graph', hint: `Use one of ${known.join(', ')}.` })
    }
    // The description opens no files, so placeholders can stand for the positional arguments.
    const placeholders = (target.positionals ?? []).map(each => each.name)
    const { config: targetConfig } = parseCommandLine(target, placeholders, host.environment, host.configFile)
    await host.print(render(await target.describe(targetConfig, placeholders), config.format))
  }
})
