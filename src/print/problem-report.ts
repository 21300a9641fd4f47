// A JSON document of problems and totals, printed while a mode runs, so that a report of any length needs no memory. First come the
// problems, one per line, and last the totals. A report without its end belongs to a run that was killed.

export class ProblemReport {
  readonly #print: (text: string) => Promise<void>
  #lines = 0

  constructor (print: (text: string) => Promise<void>) {
    this.#print = print
  }

  async begin (): Promise<void> {
    await this.#print('{\n"problems": [')
  }

  /** Must be called after `begin` and before `end`. */
  async add (problem: object): Promise<void> {
    await this.#print(`${this.#lines++ === 0 ? '' : ','}\n${JSON.stringify(problem)}`)
  }

  /** @param lists printed after the totals, one item per line */
  async end (totals: object, lists: Readonly<Record<string, readonly object[]>> = {}): Promise<void> {
    const fields = Object.entries(totals).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    const rows = Object.entries(lists).map(([name, items]) =>
      `${JSON.stringify(name)}: [\n${items.map(item => JSON.stringify(item)).join(',\n')}\n]`)
    await this.#print(`\n],\n${[...fields, ...rows].join(',\n')}\n}\n`)
  }
}
