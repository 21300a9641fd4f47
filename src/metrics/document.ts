// The catalogue as Markdown, for docs/metrics.md: what each metric is, and what to alert on. The figures of the process are the client
// library's; they are listed as this machine has them.
import { catalogue, type MetricSpec } from './catalogue.ts'
import { exposition } from './exposition.ts'

const entries: readonly (readonly [string, MetricSpec])[] = Object.entries(catalogue)

export async function metricsMarkdown (): Promise<string> {
  const ofProcess = await exposition([]).getMetricsAsJSON()
  return [
    '## The program\'s metrics', '',
    ...table(['metric', 'type', 'labels', 'unit', 'modes', 'meaning'], entries.map(([name, { type, labels, unit, modes, help }]) =>
      [code(name), type, labels.map(code).join(', '), unit, modes.join(', '), help])),
    '',
    '## What to alert on', '',
    ...table(['metric', 'when'], entries.flatMap(([name, { alert }]) => alert === undefined ? [] : [[code(name), alert]])),
    '',
    '## The process', '',
    'Every mode has these too; they come from prom-client, on Linux:', '',
    ...table(['metric', 'type', 'meaning'], ofProcess.map(({ name, type, help }) => [code(name), String(type), help]))
  ].join('\n') + '\n'
}

function table (head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)]
}

function code (text: string): string {
  return `\`${text}\``
}
