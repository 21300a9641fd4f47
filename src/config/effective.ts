// The values that a mode would run with and where each came from: as a table, as JSON, or as a configuration file that sets the same
// values again. Secrets are masked, in URLs too, and a masked value is never one that a file would set.
import { stringify } from 'yaml'
import { MASK, withoutPassword } from './mask.ts'
import type { Origin, Setting } from './parse.ts'
import { table } from './table.ts'

export interface EffectiveMode {
  readonly mode: string
  readonly settings: readonly Setting[]
}

export type EffectiveFormat = 'table' | 'json' | 'yaml'

export function effective (modes: readonly EffectiveMode[], format: EffectiveFormat): string {
  switch (format) {
    case 'table': return modes.map(({ mode, settings }) => (modes.length > 1 ? `${mode}\n` : '') + asTable(settings)).join('\n')
    case 'json': return `${JSON.stringify({ modes: modes.map(({ mode, settings }) => ({ mode, settings: settings.map(asJson) })) }, null, 2)}\n`
    case 'yaml': return HEAD + modes.map(({ mode, settings }) => `${mode}:\n${settings.map(asLine).join('')}`).join('\n')
  }
}

const HEAD = '# Values that are not defaults are set below; each line says where its value came from.\n'

function asTable (settings: readonly Setting[]): string {
  return table(['FLAG', 'VALUE', 'FROM'], settings.map(setting => {
    const { value } = shown(setting)
    return [setting.name, value === undefined ? '-' : value === '' ? '\'\'' : Array.isArray(value) ? value.join(',') : String(value), origin(setting.origin)]
  }))
}

function asJson (setting: Setting): object {
  const { from, ...at } = setting.origin
  return { flag: setting.name, value: shown(setting).value ?? null, from, ...at, ...(setting.spec.secret === true ? { secret: true } : {}) }
}

// Comments keep what a file cannot or need not set: defaults, secrets, the file's own path.
function asLine (setting: Setting): string {
  const { name } = setting
  const { value, masked } = shown(setting)
  const text = value === undefined ? '' : ` ${onOneLine(value)}`
  const comment = setting.origin.from === 'default' || masked || name === 'config'
  return `  ${comment ? '# ' : ''}${name}:${text}  # ${origin(setting.origin)}${masked ? ', masked' : ''}\n`
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

function shown ({ spec, value }: Setting): { readonly value: unknown, readonly masked: boolean } {
  if (value === undefined) return { value, masked: false }
  if (spec.secret === true) return { value: MASK, masked: true }
  const hidden = Array.isArray(value) ? value.map(maskedText) : maskedText(value)
  return { value: hidden, masked: JSON.stringify(hidden) !== JSON.stringify(value) }
}

function maskedText (value: unknown): unknown {
  return typeof value === 'string' ? withoutPassword(value) : value
}
