// Draws the CPU ratios of all comparisons as an SVG file: one bar per program, with a line from the lowest to the highest ratio. The
// vertical line is the first program of a comparison.
import type { Row } from './comparison.ts'

const [width, labels, line, top] = [900, 470, 20, 30]

function escaped (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

export function ratioChart (rows: readonly Row[]): string {
  const bars = rows.flatMap(row => 'ratios' in row && row.ratios !== undefined ? [{ ...row, cpu: row.ratios.cpu }] : [])
  const largest = Math.max(1, ...bars.map(({ cpu }) => cpu.max))
  const x = (ratio: number): string => (labels + ratio / largest * (width - labels - 60)).toFixed(1)
  const height = top + bars.length * line + 10
  const body = bars.map(({ comparison, subject, cpu }, index) => {
    const y = top + index * line
    const middle = y + 7
    const colour = cpu.median <= 1 ? '#4a90c2' : '#c98a3d'
    return `<text x="${labels - 8}" y="${y + 11}" text-anchor="end">${escaped(`${comparison}: ${subject}`)}</text>
<rect x="${labels}" y="${y}" width="${(Number(x(cpu.median)) - labels).toFixed(1)}" height="14" fill="${colour}"/>
<path d="M${x(cpu.min)} ${middle}H${x(cpu.max)}" stroke="#222"/>
<text x="${Number(x(Math.max(cpu.max, cpu.median))) + 5}" y="${y + 11}">${cpu.median.toFixed(2)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${x(1)}" y="14" text-anchor="middle">CPU time of the first program = 1</text>
<path d="M${x(1)} 20V${height - 5}" stroke="#888" stroke-dasharray="3 3"/>
${body.join('\n')}
</svg>
`
}
