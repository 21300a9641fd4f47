import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatError } from '../../src/pipeline/errors.ts'
import { checkPrerequisites, requireJava, requirePython, type Needs } from '../../src/devstack/prerequisites.ts'
import { findProgram } from '../../src/devstack/tools.ts'
import { tempDir } from '../support/stack.ts'

/** Returns a PATH with only `programs`, each of which is a shell script. */
async function pathWith (t: Test, programs: Record<string, string>): Promise<string> {
  const folder = join(await tempDir(t), 'bin')
  await mkdir(folder)
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`)
    await chmod(join(folder, name), 0o755)
  }
  return folder
}

async function problem (needs: Needs, env: Record<string, string>): Promise<string> {
  const error: unknown = await checkPrerequisites(needs, env).then(() => { throw new Error('no error was thrown') }, (e: unknown) => e)
  return formatError(error)
}

const java = (version: string): string => `echo 'openjdk version "${version}" 2025-04-15' >&2`

await t.test('a missing Java is reported in one line with the required version and the command that installs it', async t => {
  const line = await problem({ java: true }, { PATH: await pathWith(t, {}) })
  t.match(line, /^DEVSTACK_PREREQUISITE: Java 17 or newer is required, found none on PATH \(Debian: apt install openjdk-17-jre-headless\)/)
  t.notMatch(line, '\n')
})

await t.test('an outdated Java is reported with its version and path', async t => {
  const PATH = await pathWith(t, { java: java('11.0.2') })
  t.match(await problem({ java: true }, { PATH }), `found version 11.0.2 at ${PATH}/java`)
  t.match(await problem({ java: true }, { PATH: await pathWith(t, { java: java('1.8.0_392') }) }), 'found version 1.8.0_392')
})

await t.test('a Java program that does not start is reported', async t => {
  t.match(await problem({ java: true }, { PATH: await pathWith(t, { java: 'exit 127' }) }), 'does not start')
})

await t.test('JAVA_HOME takes precedence, and PATH is used if the Java of JAVA_HOME is too old', async t => {
  const PATH = await pathWith(t, { java: java('17.0.15') })
  const home = await tempDir(t)
  await symlink(await pathWith(t, { java: java('21') }), join(home, 'bin'))
  t.equal(await requireJava({ PATH, JAVA_HOME: home }), join(home, 'bin', 'java'))
  const old = await tempDir(t)
  await symlink(await pathWith(t, { java: java('11.0.2') }), join(old, 'bin'))
  t.equal(await requireJava({ PATH, JAVA_HOME: old }), join(PATH, 'java'))
})

await t.test('checks only the programs that the caller requires', async t => {
  const PATH = await pathWith(t, { java: java('17.0.15') })
  await t.resolves(checkPrerequisites({ java: true, maven: false, python: false }, { PATH }))
  await t.resolves(checkPrerequisites({}, { PATH: '' }))
})

await t.test('all missing programs are reported in one line', async t => {
  const line = await problem({ java: true, maven: true, python: 'pip' }, { PATH: await pathWith(t, {}) })
  t.match(line, /Java 17 .*; Maven \(mvn\) 3\.6\.1 .*; Python 3\.9 or newer with pip/)
  t.notMatch(line, '\n')
})

await t.test('distinguishes outdated and failing Maven, outdated Python, and Python without pip or venv', async t => {
  const mavenProblem = async (mvn: string): Promise<string> => await problem({ maven: true }, { PATH: await pathWith(t, { mvn }) })
  t.match(await mavenProblem('echo "Apache Maven 3.5.4 (x)"'), 'found version 3.5.4')
  t.match(await mavenProblem('echo "JAVA_HOME is not defined correctly"; exit 1'), 'does not start: JAVA_HOME is not defined correctly')
  const python = (probe: object): string => `echo '${JSON.stringify(probe)}'`
  const pythonProblem = async (probe: object): Promise<string> =>
    await problem({ python: 'pip' }, { PATH: await pathWith(t, { python3: python(probe) }) })
  t.match(await pythonProblem({ version: '3.8.18', pip: true, venv: true }), 'found version 3.8.18')
  const withoutPip = await pythonProblem({ version: '3.11.2', pip: false, venv: false })
  t.match(withoutPip, /without pip \(Debian: apt install python3 python3-pip\)/)
  const PATH = await pathWith(t, { python3: python({ version: '3.11.2', pip: true, venv: false }) })
  t.match(await problem({ python: 'venv' }, { PATH }), 'without venv')
  t.equal(await requirePython({ PATH }, 'pip'), join(PATH, 'python3'))
})

await t.test('a folder or a non-executable file is not a program', async t => {
  const folder = await tempDir(t)
  await mkdir(join(folder, 'java'))
  await writeFile(join(folder, 'mvn'), '')
  t.equal(await findProgram('java', { PATH: folder }), undefined)
  t.equal(await findProgram('mvn', { PATH: folder }), undefined)
  t.equal(await findProgram('mvn', {}), undefined)
})
