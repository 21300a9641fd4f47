// A strict parser of the Prometheus text format (0.0.4). If the text violates the format, the parser throws an error with the line.

interface PrometheusSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface PrometheusFamily {
  readonly type: string
  readonly help: string
  readonly samples: PrometheusSample[]
}

/** A sample line. Prometheus parses values with Go's ParseFloat, which accepts NaN in upper and lower case. */
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([Nn]a[Nn]|[+-]Inf|[-+]?[0-9.]+(?:e[-+]?[0-9]+)?)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y

/** Returns families by name. Checks that HELP and TYPE precede samples, no series is repeated, and histograms are consistent. */
export function parsePrometheus (text: string): Map<string, PrometheusFamily> {
  if (!text.endsWith('\n')) throw new Error('the text does not end with a newline')
  const families = new Map<string, PrometheusFamily>()
  const seen = new Set<string>()
  let help: { readonly name: string, readonly text: string } | undefined
  let current: string | undefined
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line) ?? []
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`family ${name} is repeated`)
      help = { name, text: rest }
    } else if (keyword === 'TYPE') {
      if (help?.name !== name) throw new Error(`TYPE does not follow HELP: ${line}`)
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new Error(`invalid type: ${line}`)
      families.set(name, { type: rest, help: help.text, samples: [] })
      current = name
    } else {
      const [, sampleName = '', labelText = '', value = ''] = SAMPLE.exec(line) ?? []
      if (sampleName === '' || current === undefined) throw new Error(`invalid line: ${line}`)
      const family = families.get(current)!
      const base = family.type === 'histogram' ? sampleName.replace(/_(bucket|sum|count)$/, '') : sampleName
      if (base !== current) throw new Error(`the sample is not of family ${current}: ${line}`)
      const key = line.slice(0, line.lastIndexOf(' '))
      if (seen.has(key)) throw new Error(`series ${key} is repeated`)
      seen.add(key)
      family.samples.push({ name: sampleName, labels: labelsOf(labelText, line), value: numberOf(value) })
    }
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family)
  return families
}

function labelsOf (text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  for (let at = 0; at < text.length; at = LABEL.lastIndex) {
    LABEL.lastIndex = at
    const [, name = '', value = ''] = LABEL.exec(text) ?? []
    if (name === '' || name in labels) throw new Error(`invalid labels: ${line}`)
    labels[name] = value.replace(/\\(.)/g, (_, letter: string) => letter === 'n' ? '\n' : letter)
  }
  return labels
}

function numberOf (text: string): number {
  return text.endsWith('Inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text)
}

function checkHistogram (name: string, { samples }: PrometheusFamily): void {
  const series = Map.groupBy(samples, ({ labels: { le: _, ...labels } }) => JSON.stringify(labels))
  for (const [labels, all] of series) {
    const buckets = all.filter(each => each.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels: { le = '' } }) => numberOf(le))
    const [sum, count] = ['sum', 'count'].map(part => all.filter(each => each.name === `${name}_${part}`))
    const inconsistent = sum?.length !== 1 || count?.length !== 1 || bounds.at(-1) !== Infinity ||
      buckets.at(-1)?.value !== count[0]?.value ||
      bounds.some((bound, index) => index > 0 && !(bound > bounds[index - 1]!)) ||
      buckets.some(({ value }, index) => index > 0 && value < buckets[index - 1]!.value)
    if (inconsistent) throw new Error(`histogram ${name} ${labels} is inconsistent`)
  }
}
