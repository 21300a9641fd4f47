// Formats the effective configuration of a mode, with the source of each value, as a table, as JSON, or as a configuration file that sets
// the same values. Secrets, including passwords in URLs, are masked. A masked value is commented out in the configuration file.
import { stringify } from 'yaml'
import { MASK, withoutPassword } from './mask.ts'
import type { Origin, Setting } from './parse.ts'
import { table } from './table.ts'

export interface EffectiveSetting extends Setting {
  /** What the mode uses where the value leaves the choice open, such as `auto`. */
  readonly resolved?: string | undefined
}

export interface EffectiveMode {
  readonly mode: string
  readonly settings: readonly EffectiveSetting[]
}

export type EffectiveFormat = 'table' | 'json' | 'yaml'

export function effective (modes: readonly EffectiveMode[], format: EffectiveFormat): string {
  switch (format) {
    case 'table': return modes.map(({ mode, settings }) => (modes.length > 1 ? `${mode}\n` : '') + asTable(settings)).join('\n')
    case 'json': return `${JSON.stringify({ modes: modes.map(each => ({ ...each, settings: each.settings.map(asJson) })) }, null, 2)}\n`
    case 'yaml': return HEAD + modes.map(({ mode, settings }) => `${mode}:\n${settings.map(asLine).join('')}`).join('\n')
  }
}

const HEAD = '# Defaults are commented out. The comment on each line names the source of the value.\n'

function asTable (settings: readonly EffectiveSetting[]): string {
  return table(['FLAG', 'VALUE', 'FROM'], settings.map(setting => {
    const { value } = masked(setting)
    const text = value === undefined ? '-' : value === '' ? '\'\'' : Array.isArray(value) ? value.join(',') : String(value)
    return [setting.name, withResolved(text, setting), origin(setting.origin)]
  }))
}

function withResolved (text: string, { value, resolved = text }: EffectiveSetting): string {
  return value === undefined || resolved === text ? resolved : `${text}: ${resolved}`
}

function asJson (setting: EffectiveSetting): object {
  const secret = setting.spec.secret === true ? { secret: true } : {}
  const resolved = setting.resolved === undefined ? {} : { resolved: setting.resolved }
  return { flag: setting.name, value: masked(setting).value ?? null, ...setting.origin, ...secret, ...resolved }
}

// Defaults are commented out because a file need not set them. Secrets and --config are commented out because a file cannot set them.
function asLine (setting: EffectiveSetting): string {
  const { name } = setting
  const { value, secret } = masked(setting)
  const text = value === undefined ? '' : ` ${onOneLine(value)}`
  const resolved = setting.resolved === undefined ? '' : `: ${setting.resolved}`
  const comment = setting.origin.from === 'default' || secret || name === 'config'
  return `  ${comment ? '# ' : ''}${name}:${text}  # ${origin(setting.origin)}${secret ? ', masked' : ''}${resolved}\n`
}

function onOneLine (value: unknown): string {
  const text = stringify(value, { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0 }).trimEnd()
  return text.includes('\n') ? JSON.stringify(value) : text
}

function origin (each: Origin): string {
  switch (each.from) {
    case 'default': return 'default'
    case 'flag': return `flag ${each.name}`
    case 'environment': return `environment ${each.name}`
    case 'file': return `${each.name} in ${each.where}`
  }
}

/** Returns the value with secrets masked, and whether the value contains a secret. */
function masked ({ spec, value }: Setting): { readonly value: unknown, readonly secret: boolean } {
  if (value === undefined) return { value, secret: false }
  if (spec.secret === true) return { value: MASK, secret: true }
  const hidden = Array.isArray(value) ? value.map(maskedText) : maskedText(value)
  return { value: hidden, secret: JSON.stringify(hidden) !== JSON.stringify(value) }
}

function maskedText (value: unknown): unknown {
  return typeof value === 'string' ? withoutPassword(value) : value
}
