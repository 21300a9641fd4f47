// Reads the tables of docs/metrics.md, so that tests can compare scrapes with this document.
import { readFile } from 'node:fs/promises'

export interface Documented { readonly type: string, readonly labels: readonly string[], readonly help: string }

/** Metrics of one mode by name, including the process metrics. */
export async function documentedMetrics (mode: string): Promise<Map<string, Documented>> {
  const text = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = (title: string): string[][] => {
    const section = text.slice(text.indexOf(`## ${title}\n`)).split(/\n## /)[0]!
    return section.split('\n').filter(line => line.startsWith('| `')).map(line => line.slice(2, -2).split(' | '))
  }
  const metrics = new Map<string, Documented>()
  for (const [name = '', type = '', labels = '', , modes = '', help = ''] of rows('The program\'s metrics')) {
    if (!modes.split(', ').includes(mode)) continue
    metrics.set(bare(name), { type, labels: labels.split(', ').map(bare).filter(label => label !== ''), help })
  }
  for (const [name = '', type = '', help = ''] of rows('The process')) metrics.set(bare(name), { type, labels: [], help })
  return metrics
}

function bare (text: string): string {
  return text.replaceAll('`', '')
}
