// Programs that have to be the machine's own, because they need more of it than a cache can give: packages beside them, or the rights of
// root.
import { devstackErrors } from '../../../src/devstack/errors.ts'
import { findProgram, runTool, type Environment } from '../../../src/devstack/tools.ts'
import type { Recipe } from './recipe.ts'

export function machine (program: string, debianPackage: string): Recipe {
  return own(program, async env => await findProgram(program, env), `${program} is not on PATH (Debian: apt install ${debianPackage})`)
}

/** What runs a program as root: nothing where this is root, else sudo, where it asks for no password. */
export function asRoot (): readonly string[] {
  return process.getuid?.() === 0 ? [] : ['sudo', '-n']
}

/** `unshare`, where it gives root a container's own processes and mounts. */
export const unshare = own('unshare', async env => {
  const path = await findProgram('unshare', env)
  if (path === undefined) return undefined
  const [program = path, ...args] = [...asRoot(), path, '--mount', '--pid', '--fork', 'true']
  return (await runTool(program, args, { env })).code === 0 ? path : undefined
  },
  'containers need root or passwordless sudo, and a kernel that allows mount and PID namespaces (unshare --mount --pid)'
)

function own (title: string, installed: (env: Environment) => Promise<string | undefined>, lack: string): Recipe {
  return {
    title,
    pins: [lack],
    path: `bin/${title}`,
    installed,
    fetcher: {
      name: 'this machine',
      find: async () => await Promise.reject(devstackErrors.DEVSTACK_PREREQUISITE(lack, { hint: 'Then run the command again.' }))
    },
    fetch: async () => { await Promise.reject(new Error(`${title} cannot be fetched`)) }
  }
}
