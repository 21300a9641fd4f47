// The Containerfile as a text: what the linter says, what it builds on. Apart from the image, because it can be judged on any machine.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, none, type Check, type Context, type Group } from '../check.ts'
import { basesOf, loosePins } from '../image/containerfile.ts'

export const containerfile: Group = {
  name: 'containerfile',
  about: 'how the image is written',
  tools: ['hadolint'],
  checks: async context => await Promise.resolve(checksOf(context))
}

function checksOf (context: Context): Check[] {
  const path = join(context.root, 'Containerfile')
  const lint = async (file: string) => await context.run(await context.tool('hadolint'), ['--no-color', file], { cwd: context.root })
  const refused = (what: string, change: (text: string) => string, rule: string): Check => ({
    title: `fault: hadolint refuses ${what} (${rule})`,
    run: async () => {
      const text = await readFile(path, 'utf8')
      const changed = change(text)
      if (changed === text) throw new Fault('the Containerfile has no place for this fault any more')
      const file = join(context.scratch, `Containerfile.${rule}`)
      await writeFile(file, changed)
      const { code, stdout, stderr } = await lint(file)
      if (code === 0 || !stdout.includes(rule)) throw new Fault('it was not refused', stdout + stderr)
    }
  })
  return [{
    title: 'hadolint has nothing to say about the Containerfile',
    run: async () => {
      const { code, stdout, stderr } = await lint(path)
      if (code !== 0) throw new Fault('it has', stdout + stderr)
    }
  }, {
    title: 'its bases are pinned by their full version, and its Node is the one that is tested',
    run: async () => {
      const bases = basesOf(await readFile(path, 'utf8'))
      const { packages } = JSON.parse(await readFile(join(context.root, 'package-lock.json'), 'utf8')) as {
        packages: Record<string, { version: string }>
      }
      const tested = packages['node_modules/node']?.version ?? ''
      const other = bases.filter(base => base.includes('/node:') && !base.includes(`/node:${tested}-`))
      none([...loosePins(bases), ...other.map(base => `${base}: package-lock.json has Node ${tested}`)], 'wrong bases')
    }
  },
  refused('a base without a version', text => text.replace(/^FROM .*DEBIAN.*$/m, 'FROM docker.io/library/debian:latest'), 'DL3007'),
  refused('root as the last user', text => text.replace(/^USER .*$/m, 'USER root'), 'DL3002'),
  refused('an entry point in a shell', text => text.replace(/^ENTRYPOINT .*$/m, 'ENTRYPOINT alert-stream'), 'DL3025')]
}
