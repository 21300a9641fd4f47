// Links in deploy/: charts take one another by them. Argo CD refuses a repository with one link in it that is absolute or that steps out of
// the repository on its way, even where it comes back; and a link to nothing is a chart without its library.
import { readdir, readlink, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

/** What is wrong with the links below `folder`; one line each. */
export async function linkFaults (root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  const faults = await Promise.all(entries.filter(entry => entry.isSymbolicLink()).map(async entry => {
    const path = join(entry.parentPath, entry.name)
    const target = await readlink(path)
    const where = `${relative(root, path)} -> ${target}`
    if (target.startsWith(sep)) return [`${where}: is absolute`]
    let at = entry.parentPath
    for (const part of target.split(sep)) {
      at = join(at, part)
      if (relative(root, at).startsWith('..')) return [`${where}: leaves the repository`]
    }
    return await stat(path).then(() => [], () => [`${where}: leads nowhere`])
  }))
  return faults.flat()
}
