// A Python virtual environment with independent packages that check this program's output: fastavro, astropy, pillow,
// pyarrow, duckdb, confluent-kafka, requests.
// pip installs pinned versions into the cache. The folder name includes a hash of the versions and of the Python interpreter,
// so a new version or interpreter creates a new environment.
import { createHash } from 'node:crypto'
import { access, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fillFolder, type CacheOptions } from './download-cache.ts'
import { devstackErrors } from './errors.ts'
import { withLock } from './lock.ts'
import { requirePython } from './prerequisites.ts'
import { isDiskFull, runTool, tailOf, type Environment } from './tools.ts'

/** Pinned package versions. Python 3.9 and 3.10 get the last versions that support these interpreters. */
const PYTHON_REQUIREMENTS: readonly string[] = [
  'numpy==2.4.6; python_version >= "3.11"',
  'numpy==1.26.4; python_version < "3.11"',
  'astropy==8.0.2; python_version >= "3.11"',
  'astropy==6.0.1; python_version < "3.11"',
  // Reads the pictures of cutouts.
  'pillow==13.0.0; python_version >= "3.11"',
  'pillow==11.3.0; python_version < "3.11"',
  // Judges of the index: HEALPix numbers, and two independent readers of Parquet.
  'astropy-healpix==2.0.1; python_version >= "3.11"',
  'astropy-healpix==1.0.3; python_version < "3.11"',
  'pyarrow==26.0.1; python_version >= "3.11"',
  'pyarrow==21.0.0; python_version < "3.11"',
  'duckdb==2.0.1; python_version >= "3.11"',
  'duckdb==1.4.1; python_version < "3.11"',
  'fastavro==1.13.1; python_version >= "3.11"',
  'fastavro==1.12.1; python_version < "3.11"',
  'confluent-kafka==2.16.1; python_version >= "3.11"',
  'confluent-kafka==2.11.1; python_version < "3.11"',
  // Dependencies of confluent-kafka's schema registry client. confluent-kafka's own pip extra pins versions that some package indexes lack.
  'attrs==26.1.0; python_version >= "3.11"',
  'attrs==25.4.0; python_version < "3.11"',
  'authlib==1.9.9; python_version >= "3.11"',
  'authlib==1.6.6; python_version < "3.11"',
  'cachetools==8.0.1; python_version >= "3.11"',
  'cachetools==6.2.4; python_version < "3.11"',
  'certifi==2026.10.18',
  'httpx2==2.16.2; python_version >= "3.11"',
  'httpx==0.28.1; python_version < "3.11"',
  'orjson==3.11.4; python_version < "3.11"',
  'requests==2.34.2; python_version >= "3.11"',
  'requests==2.32.5; python_version < "3.11"',
  'cramjam==2.14.0; python_version >= "3.11"',
  'cramjam==2.11.0; python_version < "3.11"',
  'backports.zstd==1.8.0; python_version >= "3.11" and python_version < "3.14"',
  'zstandard==0.25.0; python_version < "3.11"'
]

/** Path of a Python with the `requirements`. The first call takes about 1 min. Errors: DEVSTACK_PREREQUISITE, DEVSTACK_PYTHON_PACKAGES. */
export async function pythonEnvironment (options: CacheOptions & { readonly requirements?: readonly string[] }): Promise<string> {
  const { cacheDir, env, requirements = PYTHON_REQUIREMENTS, progress = () => {} } = options
  const system = await requirePython(env, 'venv')
  const name = `python-${await environmentHash(system, requirements, env)}`
  const folder = join(cacheDir, name)
  const python = join(folder, 'bin', 'python')
  if (await exists(python)) {
    progress('Python packages: cached')
    return python
  }
  return await withLock(join(cacheDir, `${name}.lock`), async () => {
    if (await exists(python)) return python
    const started = Date.now()
    progress('Python packages: installing with pip')
    await fillFolder(cacheDir, folder, async temporary => {
      await run(system, ['-m', 'venv', temporary], env, 'cannot create the virtual environment', folder)
      // pip runs as a module, because the scripts in bin/ contain the path of the temporary folder.
      const install = ['-m', 'pip', 'install', '--quiet', '--no-input', ...requirements]
      await run(join(temporary, 'bin', 'python'), install, env, 'pip failed', folder)
    })
    progress(`Python packages: installed in ${Math.round((Date.now() - started) / 1000)} s`)
    return python
  }, { onWait: holder => { progress(`Python packages: waiting for process ${holder}, which is installing them`) } })
}

async function run (program: string, args: readonly string[], env: Environment, what: string, where: string): Promise<void> {
  const { code, stdout, stderr } = await runTool(program, args, { env })
  if (code === 0) return
  const output = stderr + stdout
  if (isDiskFull(output)) throw devstackErrors.DEVSTACK_DISK_FULL('no space left on the disk', { where })
  throw devstackErrors.DEVSTACK_PYTHON_PACKAGES(`${what}: ${tailOf(output, 2).replaceAll('\n', ' ')}`, { where })
}

async function environmentHash (python: string, requirements: readonly string[], env: Environment): Promise<string> {
  const probe = await runTool(python, ['-c', 'import sys; print(sys.version); print(sys.executable)'], { env })
  const executable = probe.stdout.trim().split('\n').at(-1) ?? python
  const inputs = [probe.stdout, await realpath(executable).catch(() => executable), ...requirements]
  return createHash('sha256').update(inputs.join('\n')).digest('hex').slice(0, 12)
}

async function exists (path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false)
}
