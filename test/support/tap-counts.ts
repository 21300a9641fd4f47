// Counts tests from the raw TAP of a run. A test is a named `t.test('...', ...)` without named subtests; a file without named
// tests counts as one test. Any other failure (at the top of a file, a test that never ran, a killed file) counts as one failed test.
import { Parser, type Result } from 'tap-parser'

/** A failed test. `path` names its file, its parent tests and the test itself. `diagnosis` is tap's, such as a diff. */
interface Failure {
  readonly path: readonly string[]
  readonly diagnosis: Readonly<Record<string, unknown>>
}

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly failures: readonly Failure[]
}

interface Node {
  readonly name: string
  readonly children: Node[]
  /** The assertions of the test, without the test points that close its subtests. */
  readonly points: Result[]
  closing: Result | undefined
}

export interface TapCounter {
  write (tap: string | Buffer): void
  /** Returns the counts of the run. Call `end` after the complete TAP was written. */
  end (): Counts
}

/** Called when a test file ends. `ms` is the duration of the file in milliseconds, if it ended by itself. */
type OnFile = (name: string, counts: Counts, ms: number | undefined) => void

/** Counts the tests of a run while its TAP arrives. */
export function tapCounter (onFile: OnFile = () => {}): TapCounter {
  const all: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] }
  const run = node('')
  const parser = new Parser({ name: '' })
  const endFile = (file: Node): void => {
    const counts: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] }
    count(file, [], counts)
    all.passed += counts.passed
    all.failed += counts.failed
    all.skipped += counts.skipped
    all.failures.push(...counts.failures)
    onFile(file.name, counts, file.closing?.time ?? undefined)
  }
  collect(parser, run, endFile)
  return {
    write: tap => { parser.write(tap.toString()) },
    end: () => {
      parser.end()
      const cut = run.children.at(-1)
      if (cut !== undefined && cut.closing === undefined) endFile(cut)
      // Test points outside of any file are tap's own failures, such as a missing file.
      for (const point of run.points) if (!point.ok) fail(all, [], point)
      return all
    }
  }
}

function node (name: string): Node {
  return { name, children: [], points: [], closing: undefined }
}

function collect (parser: Parser, into: Node, onChild: (child: Node) => void = () => {}): void {
  let open: Node | undefined
  parser.on('child', (child: Parser) => {
    open = node(child.name)
    into.children.push(open)
    collect(child, open)
  })
  parser.on('assert', (result: Result) => {
    if (open === undefined) {
      into.points.push(result)
    } else {
      const child = open
      open = undefined
      child.closing = result
      onChild(child)
    }
  })
}

type Tally = { -readonly [K in keyof Counts]: Counts[K] } & { readonly failures: Failure[] }

function count (node: Node, above: readonly string[], counts: Tally): void {
  const path = [...above, node.name]
  const { closing, children, points } = node
  // A test that was cut off has no closing test point, so it counts as failed.
  const ok = closing?.ok === true
  const bad = points.filter(point => !point.ok && !isSkipped(point))
  if (isSkipped(closing)) {
    counts.skipped++
  } else if (children.length === 0) {
    if (!ok) fail(counts, path, bad[0] ?? closing)
    else if (points.length > 0 && points.every(isSkipped)) counts.skipped++
    else counts.passed++
  } else {
    const before = counts.failed
    for (const child of children) count(child, path, counts)
    for (const point of bad) fail(counts, path, point)
    // A skipped test has only its closing test point, without a subtest.
    counts.skipped += points.filter(isSkipped).length
    if (!ok && counts.failed === before) fail(counts, path, closing)
  }
}

function isSkipped (result: Result | undefined): boolean {
  return result !== undefined && (result.skip !== false || result.todo !== false)
}

function fail (counts: Tally, path: readonly string[], point: Result | undefined): void {
  counts.failed++
  const last = path.at(-1)
  counts.failures.push({
    path: point === undefined || point.name === last ? path : [...path, point.name],
    diagnosis: (point?.diag ?? {}) as Record<string, unknown>
  })
}
