// Checks for programs that must be installed: Java to run servers, Maven to download servers, Python for pip and virtual environments.
// A single DEVSTACK_PREREQUISITE error reports all missing and outdated programs.
import { join } from 'node:path'
import { devstackErrors } from './errors.ts'
import { findProgram, isProgram, runTool, type Environment } from './tools.ts'

/** Programs that the caller requires. Other programs are not checked. */
export interface Needs {
  readonly java?: boolean
  readonly maven?: boolean
  /** `pip`: python3 with pip. `venv`: python3 that can create virtual environments with pip. */
  readonly python?: false | 'pip' | 'venv'
}

type Found = { readonly path: string } | { readonly problem: string }

const JAVA = 17
const MAVEN = '3.6.1'
const PYTHON = '3.9'

/** Checks PATH (and JAVA_HOME). The error names every required program that is missing or too old. */
export async function checkPrerequisites ({ java, maven, python }: Needs, env: Environment): Promise<void> {
  const checks = [...java ? [findJava(env)] : [], ...maven ? [findMaven(env)] : [], ...python ? [findPython(env, python)] : []]
  const problems = (await Promise.all(checks)).flatMap(found => 'problem' in found ? [found.problem] : [])
  if (problems.length > 0) throw devstackErrors.DEVSTACK_PREREQUISITE(problems.join('; '))
}

export async function requireJava (env: Environment): Promise<string> {
  return pathOf(await findJava(env))
}

export async function requireMaven (env: Environment): Promise<string> {
  return pathOf(await findMaven(env))
}

export async function requirePython (env: Environment, module: 'pip' | 'venv'): Promise<string> {
  return pathOf(await findPython(env, module))
}

function pathOf (found: Found): string {
  if ('problem' in found) throw devstackErrors.DEVSTACK_PREREQUISITE(found.problem)
  return found.path
}

async function findJava (env: Environment): Promise<Found> {
  const candidates: string[] = []
  if (env.JAVA_HOME !== undefined && env.JAVA_HOME !== '') candidates.push(join(env.JAVA_HOME, 'bin', 'java'))
  const onPath = await findProgram('java', env)
  if (onPath !== undefined) candidates.push(onPath)
  const unusable: string[] = []
  for (const path of candidates) {
    if (!await isProgram(path)) continue
    const { stdout, stderr } = await runTool(path, ['-version'], { env })
    const version = /version "([^"]+)"/.exec(stderr + stdout)?.[1]
    const major = /^(?:1\.)?(\d+)/.exec(version ?? '')?.[1]
    if (major !== undefined && Number(major) >= JAVA) return { path }
    unusable.push(version === undefined ? `${path}, which does not start` : `version ${version} at ${path}`)
  }
  const found = unusable.length === 0 ? 'none on PATH' : unusable.join(' and ')
  return { problem: `Java ${JAVA} or newer is required, found ${found} (Debian: apt install openjdk-17-jre-headless)` }
}

async function findMaven (env: Environment): Promise<Found> {
  const problem = (found: string): Found =>
    ({ problem: `Maven (mvn) ${MAVEN} or newer is required to download the servers, found ${found} (Debian: apt install maven)` })
  const path = await findProgram('mvn', env)
  if (path === undefined) return problem('none on PATH')
  const { stdout, stderr } = await runTool(path, ['-v'], { env })
  const version = /Apache Maven (\d+(?:\.\d+)*)/.exec(stdout)?.[1]
  if (version === undefined) return problem(`${path}, which does not start: ${(stderr + stdout).trim().split('\n')[0] ?? ''}`)
  return atLeast(version, MAVEN) ? { path } : problem(`version ${version} at ${path}`)
}

// On Debian, python3 may lack pip and venv, which are separate packages. `python -m venv` needs the module ensurepip to install pip.
const PYTHON_PROBE = `
import importlib.util, json, sys
def has(name): return importlib.util.find_spec(name) is not None
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "pip": has("pip"), "venv": has("venv") and has("ensurepip")}))
`

async function findPython (env: Environment, module: 'pip' | 'venv'): Promise<Found> {
  const problem = (found: string): Found =>
    ({ problem: `Python ${PYTHON} or newer with ${module} is required, found ${found} (Debian: apt install python3 python3-${module})` })
  const path = await findProgram('python3', env)
  if (path === undefined) return problem('no python3 on PATH')
  const { stdout, stderr } = await runTool(path, ['-c', PYTHON_PROBE], { env })
  let python: { version: string, pip: boolean, venv: boolean }
  try {
    python = JSON.parse(stdout) as typeof python
  } catch {
    return problem(`${path}, which does not start: ${stderr.trim().split('\n').at(-1) ?? ''}`)
  }
  if (!atLeast(python.version, PYTHON)) return problem(`version ${python.version} at ${path}`)
  return python[module] ? { path } : problem(`version ${python.version} at ${path} without ${module}`)
}

function atLeast (version: string, minimum: string): boolean {
  const parts = version.split('.').map(Number)
  for (const [index, wanted] of minimum.split('.').map(Number).entries()) {
    const part = parts[index] ?? 0
    if (part !== wanted) return part > wanted
  }
  return true
}
