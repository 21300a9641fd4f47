// The workflows of GitHub: what they do only shows there, so at least nothing of it is misspelt, moves under our feet, or may do more than
// it must.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, none, type Check, type Context, type Group } from '../check.ts'
import { workflowFaults } from '../workflows.ts'

export const workflows: Group = {
  name: 'workflows',
  about: 'the workflows that test and publish',
  tools: ['actionlint'],
  checks: async context => {
    const folder = join(context.root, '.github', 'workflows')
    const files = (await readdir(folder)).filter(name => /\.ya?ml$/.test(name)).sort()
    return [
      ...files.map((name): Check => ({
        title: `${name} is one that GitHub takes`,
        run: async () => {
          const { code, stdout, stderr } = await lint(context, join(folder, name))
          if (code !== 0) throw new Fault('actionlint refuses it', stdout + stderr)
        }
      })),
      ...files.map((name): Check => ({
        title: `${name} has every action pinned by its commit, and no right that it did not ask for`,
        run: async () => { none(workflowFaults(await readFile(join(folder, name), 'utf8')), 'faults') }
      })),
      refused(
        context,
        join(folder, 'release.yml'),
        'a job that needs another one that is not there',
        text => text.replace('needs: test', 'needs: tests'),
        /"tests"/
      ),
      refused(
        context,
        join(folder, 'release.yml'),
        'the output of a step that is not there',
        text => text.replace('steps.push.outputs', 'steps.pushed.outputs'),
        /"pushed" is not defined/
      ),
      refused(
        context,
        join(folder, 'release.yml'),
        'a branch\'s name in the midst of a script',
        text => text.replace('image=ghcr.io/', 'echo "${{ github.head_ref }}"\n          image=ghcr.io/'),
        /potentially untrusted/
      )
    ]
  }
}

// Without the linters of shells and Python that it would look for: they are on some machines and not on others.
async function lint (context: Context, file: string) {
  return await context.run(await context.tool('actionlint'), ['-no-color', '-shellcheck=', '-pyflakes=', file], { cwd: context.root })
}

function refused (context: Context, path: string, what: string, change: (text: string) => string, complaint: RegExp): Check {
  return {
    title: `fault: actionlint refuses ${what}`,
    run: async () => {
      const text = await readFile(path, 'utf8')
      const changed = change(text)
      if (changed === text) throw new Fault('the workflow has no place for this fault any more')
      const file = join(context.scratch, 'fault.yml')
      await writeFile(file, changed)
      const { code, stdout, stderr } = await lint(context, file)
      if (code === 0 || !complaint.test(stdout)) throw new Fault('it was not refused', stdout + stderr)
    }
  }
}
