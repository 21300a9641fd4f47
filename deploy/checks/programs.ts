// How checks run programs: with the run's environment and its stop, and a failure as a fault that has the program's own words.
import { runTool, type Environment, type ToolResult } from '../../src/devstack/tools.ts'
import { Fault, type Context } from './check.ts'

export function programs (env: Environment, signal: AbortSignal): Pick<Context, 'run' | 'must'> {
  const run: Context['run'] = async (program, args, options) => await runTool(program, args, { env, signal, ...options })
  return { run, must: async (program, args, options) => done(program, args, await run(program, args, options)) }
}

/** Standard output of a program that succeeded; else a Fault with what it printed, of that the last `lines`. */
export function done (program: string, args: readonly string[], { code, stdout, stderr }: ToolResult, lines?: number): string {
  if (code === 0) return stdout
  const said = stdout + stderr
  throw new Fault(
    `${[program.split('/').at(-1), ...args].join(' ')}: exit code ${code ?? 'unknown'}`,
    lines === undefined ? said : said.split('\n').slice(-lines).join('\n')
  )
}
