// graph: prints the graph that a mode runs, from the same declaration that the mode runs, without connecting to anything.
import { commonFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { didYouMean } from '../config/nearest.ts'
import { parseCommandLine } from '../config/parse.ts'
import { flags } from '../config/flags.ts'
import { render } from '../pipeline/index.ts'
import { mode, type Mode } from '../program/mode.ts'

const described: Readonly<Record<string, () => Promise<{ readonly default: unknown }>>> = {
  generate: () => import('./generate.ts'),
  'sync-schema': () => import('./sync-schema.ts'),
  'create-stream': () => import('./create-stream.ts'),
  'play-stream': () => import('./play-stream.ts'),
  'print-stream': () => import('./print-stream.ts'),
  ingest: () => import('./ingest.ts'),
  redrive: () => import('./redrive.ts'),
  serve: () => import('./serve.ts')
}

export default mode({
  mode: 'graph',
  summary: 'Prints the graph that a mode runs, as Mermaid, DOT or JSON.',
  about: 'The graph is the declaration that the mode itself runs, with the mode\'s defaults and what environment and configuration file say.',
  examples: ['alert-stream graph ingest', 'alert-stream graph play-stream --format dot | dot -Tsvg > play-stream.svg'],
  positionals: [{ name: 'MODE', description: `one of ${Object.keys(described).join(', ')}` }],
  flags: flags({
    format: { type: 'choice', choices: ['mermaid', 'dot', 'json'], default: 'mermaid', description: 'What to print.' }
  }),
  async run (config, [name = ''], host) {
    const load = Object.hasOwn(described, name) ? described[name] : undefined
    if (load === undefined) {
      const known = Object.keys(described)
      throw usageErrors.USAGE_BAD_VALUE(`'${name}' runs no graph of its own${didYouMean(name, known)}`, {
        where: 'graph', hint: `It is one of ${known.join(', ')}.`
      })
    }
    const target = (await load()).default as Mode
    // Positional arguments are named, not read: a description opens nothing.
    const named = (target.positionals ?? []).map(each => each.name)
    const { config: its } = parseCommandLine({ ...target, flags: { ...target.flags, ...commonFlags } }, named, host.environment, host.configFile)
    const description = await target.describe?.(its, named)
    if (description !== undefined) await host.print(render(description, config.format))
  }
})
