// Renders the catalogue as Markdown for docs/metrics.md: all metrics, and when to alert an operator. The table of process metrics lists the
// metrics that prom-client exports on this platform.
import { catalogue, type MetricSpec } from './catalogue.ts'
import { exposition } from './exposition.ts'

const entries: readonly (readonly [string, MetricSpec])[] = Object.entries(catalogue)

export async function metricsMarkdown (): Promise<string> {
  const processMetrics = await exposition([]).getMetricsAsJSON()
  return [
    '## The program\'s metrics', '',
    ...table(['metric', 'type', 'labels', 'unit', 'modes', 'meaning'], entries.map(([name, { type, labels, unit, modes, help }]) =>
      [code(name), type, labels.map(code).join(', '), unit, modes.join(', '), help])),
    '',
    '## What to alert on', '',
    ...table(['metric', 'when'], entries.flatMap(([name, { alert }]) => alert === undefined ? [] : [[code(name), alert]])),
    '',
    '## The process', '',
    'Every mode with an admin port also exports these process metrics of prom-client (on Linux):', '',
    ...table(['metric', 'type', 'meaning'], processMetrics.map(({ name, type, help }) => [code(name), String(type), help]))
  ].join('\n') + '\n'
}

function table (head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)]
}

function code (text: string): string {
  return `\`${text}\``
}
