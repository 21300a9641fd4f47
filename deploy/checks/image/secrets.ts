// How npm and pip reach their registries from inside a build, as they do on this machine: settings are handed in as secrets, which are
// there while a step runs and in no layer afterwards.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../check.ts'

/** Where the Containerfile mounts the certificate authorities. */
const CA = '/run/secrets/ca'

/** Words for `buildah bud`. */
export async function secretsOf (context: Context): Promise<string[]> {
  const { env, scratch } = context
  const ca = env.NODE_EXTRA_CA_CERTS ?? env.SSL_CERT_FILE
  const own = ca !== undefined && ca !== ''
  const npmrc = join(scratch, 'npmrc')
  const pipConf = join(scratch, 'pip.conf')
  await writeFile(npmrc, npmSettings(await npmText(context)) + (own ? `cafile=${CA}\n` : ''), { mode: 0o600 })
  const pip = await context.run('python3', ['-m', 'pip', 'config', 'list'])
  await writeFile(pipConf, pipSettings(pip.code === 0 ? pip.stdout : '') + (own ? `cert = ${CA}\n` : ''), { mode: 0o600 })
  return ['--secret', `id=npmrc,src=${npmrc}`, '--secret', `id=pip.conf,src=${pipConf}`, ...own ? ['--secret', `id=ca,src=${ca}`] : []]
}

/** The user's own file, then what npm makes of all its files and variables. */
async function npmText (context: Context): Promise<string> {
  const ask = async (key: string): Promise<string> =>
    (await context.run('npm', ['config', 'get', key], { cwd: context.scratch })).stdout.trim()
  const text = await readFile(await ask('userconfig'), 'utf8').catch(() => '')
  return `${text}\nregistry=${await ask('registry')}\n`
}

/** Of an .npmrc, what says where packages come from and who asks; folders and habits of the machine stay out. */
export function npmSettings (text: string): string {
  const lines = text.split('\n').map(line => line.trim())
  return lines.filter(line => /^(\/\/|@[^:=]+:registry\s*=|(registry|proxy|https-proxy|noproxy|strict-ssl)\s*=)/.test(line)).map(line =>
    `${line}\n`
  ).join('')
}

/**
 * A pip.conf from `pip config list`, whose lines are `global.index-url='...'` or, from the environment and stronger,
 * `:env:.index-url='...'`.
 */
export function pipSettings (list: string): string {
  const settings = new Map<string, string>()
  const lines = list.split('\n')
  for (const line of [...lines.filter(line => !line.startsWith(':env:')), ...lines.filter(line => line.startsWith(':env:'))]) {
    const match = /^[^=]*\.(index-url|extra-index-url|trusted-host|proxy)='(.*)'$/.exec(line.trim())
    if (match !== null) settings.set(match[1] ?? '', match[2] ?? '')
  }
  return `[global]\n${[...settings].map(([key, value]) => `${key} = ${value}\n`).join('')}`
}
