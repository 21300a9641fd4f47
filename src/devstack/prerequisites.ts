// What the machine must have before anything is downloaded: Java for the servers, Maven to fetch them, Python where it is needed.
// Each is looked for on the PATH that is given and asked for its version; all that is wrong is said in one line.
import { join } from 'node:path'
import { devstackErrors } from './errors.ts'
import { findProgram, isProgram, runTool, type Environment } from './tools.ts'

/** What is needed; only that is looked for. */
export interface Needs {
  readonly java?: boolean
  readonly maven?: boolean
  /** `pip`: python3 with pip; `venv`: python3 that can make virtual environments with pip in them. */
  readonly python?: boolean | 'pip' | 'venv'
}

/** Full paths of what was asked for. */
export interface Programs {
  readonly java?: string
  readonly maven?: string
  readonly python?: string
}

type Found = { readonly path: string } | { readonly problem: string }

const JAVA = 17
const MAVEN = '3.6.1'
const PYTHON = '3.9'

/** Paths of all that is needed; rejects with DEVSTACK_PREREQUISITE naming everything that is missing or too old. */
export async function checkPrerequisites (needs: Needs, env: Environment): Promise<Programs> {
  const python = needs.python === true ? 'pip' : needs.python
  const checks: Array<Promise<readonly [keyof Programs, Found]>> = []
  if (needs.java === true) checks.push(findJava(env).then(found => ['java', found] as const))
  if (needs.maven === true) checks.push(findMaven(env).then(found => ['maven', found] as const))
  if (python === 'pip' || python === 'venv') checks.push(findPython(env, python).then(found => ['python', found] as const))
  const programs: Partial<Record<keyof Programs, string>> = {}
  const problems: string[] = []
  for (const [name, found] of await Promise.all(checks)) {
    if ('path' in found) programs[name] = found.path
    else problems.push(found.problem)
  }
  if (problems.length > 0) throw devstackErrors.DEVSTACK_PREREQUISITE(problems.join('; '))
  return programs
}

/** The Java to use; rejects where there is none that is new enough. */
export async function requireJava (env: Environment): Promise<string> {
  return required((await checkPrerequisites({ java: true }, env)).java)
}

export async function requireMaven (env: Environment): Promise<string> {
  return required((await checkPrerequisites({ maven: true }, env)).maven)
}

/** A python3 with pip (and with virtual environments for `venv`). */
export async function requirePython (env: Environment, with_: 'pip' | 'venv'): Promise<string> {
  return required((await checkPrerequisites({ python: with_ }, env)).python)
}

function required (path: string | undefined): string {
  if (path === undefined) throw new Error('a prerequisite that was asked for was not looked for')
  return path
}

async function findJava (env: Environment): Promise<Found> {
  const candidates: string[] = []
  if (env.JAVA_HOME !== undefined && env.JAVA_HOME !== '') candidates.push(join(env.JAVA_HOME, 'bin', 'java'))
  const onPath = await findProgram('java', env)
  if (onPath !== undefined) candidates.push(onPath)
  const seen: string[] = []
  for (const path of candidates) {
    if (!await isProgram(path)) continue
    const { stdout, stderr } = await runTool(path, ['-version'], { env })
    const version = /version "([^"]+)"/.exec(stderr + stdout)?.[1]
    const major = /^(?:1\.)?(\d+)/.exec(version ?? '')?.[1]
    if (major !== undefined && Number(major) >= JAVA) return { path }
    seen.push(`${version ?? 'one that does not start'} at ${path}`)
  }
  return { problem: `Java ${JAVA} or newer is needed, found ${seen.length === 0 ? 'none on PATH' : seen.join(', ')} (Debian: apt install openjdk-17-jre-headless)` }
}

async function findMaven (env: Environment): Promise<Found> {
  const path = await findProgram('mvn', env)
  const install = '(Debian: apt install maven)'
  if (path === undefined) return { problem: `Maven (mvn) ${MAVEN} or newer is needed to download the servers, found none on PATH ${install}` }
  const { stdout, stderr } = await runTool(path, ['-v'], { env })
  const version = /Apache Maven (\d+(?:\.\d+)*)/.exec(stdout)?.[1]
  if (version !== undefined && atLeast(version, MAVEN)) return { path }
  const found = version ?? `one that does not start: ${(stderr + stdout).trim().split('\n')[0] ?? ''}`
  return { problem: `Maven (mvn) ${MAVEN} or newer is needed to download the servers, found ${found} at ${path} ${install}` }
}

// Debian splits pip and venv off python3, so each is tried by import; ensurepip is what `python -m venv` puts pip in with.
const PYTHON_PROBE = `
import importlib.util, json, sys
def has(name): return importlib.util.find_spec(name) is not None
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "pip": has("pip"), "venv": has("venv") and has("ensurepip")}))
`

async function findPython (env: Environment, with_: 'pip' | 'venv'): Promise<Found> {
  const path = await findProgram('python3', env)
  const install = `(Debian: apt install python3 python3-${with_})`
  const wanted = `Python ${PYTHON} or newer with ${with_} is needed`
  if (path === undefined) return { problem: `${wanted}, found no python3 on PATH ${install}` }
  const { stdout, stderr } = await runTool(path, ['-c', PYTHON_PROBE], { env })
  let facts: { version: string, pip: boolean, venv: boolean }
  try {
    facts = JSON.parse(stdout) as typeof facts
  } catch {
    return { problem: `${wanted}, found one at ${path} that does not start: ${stderr.trim().split('\n').at(-1) ?? ''} ${install}` }
  }
  if (!atLeast(facts.version, PYTHON)) return { problem: `${wanted}, found ${facts.version} at ${path} ${install}` }
  if (!facts[with_]) return { problem: `${wanted}, found ${facts.version} at ${path} without ${with_} ${install}` }
  return { path }
}

function atLeast (version: string, wanted: string): boolean {
  const have = version.split('.').map(Number)
  for (const [index, part] of wanted.split('.').map(Number).entries()) {
    const mine = have[index] ?? 0
    if (mine !== part) return mine > part
  }
  return true
}
