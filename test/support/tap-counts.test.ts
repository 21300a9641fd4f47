import t from 'tap'
import { tapCounter, type Counts } from './tap-counts.ts'

function countTap (tap: string): Counts {
  const counter = tapCounter()
  // The chunks split lines, because a pipe delivers such chunks too.
  for (let at = 0; at < tap.length; at += 17) counter.write(tap.slice(at, at + 17))
  return counter.end()
}

await t.test('named tests without named subtests are counted, and a file without named tests counts as one test', async t => {
  const counts = countTap(`TAP version 14
# Subtest: test/a.test.ts
    # Subtest: one
        ok 1 - should be equal
        ok 2 - should be equal
        1..2
    ok 1 - one # time=1ms

    # Subtest: group
        # Subtest: two
            ok 1 - x
            1..1
        ok 1 - two # time=1ms

        # Subtest: three
            ok 1 - x
            1..1
        ok 2 - three # time=1ms

        1..2
    ok 2 - group # time=3ms

    1..2
ok 1 - test/a.test.ts # time=100ms

# Subtest: test/b.test.ts
    ok 1 - a
    ok 2 - b
    1..2
ok 2 - test/b.test.ts # time=10ms

1..2
`)
  t.match(counts, { passed: 4, failed: 0, skipped: 0, failures: [] })
})

await t.test('a failed test is counted once at any depth, with its path and diagnosis', async t => {
  const counts = countTap(`TAP version 14
# Subtest: test/a.test.ts
    # Subtest: group
        # Subtest: inner
            ok 1 - fine
            not ok 2 - should be equal
              ---
              compare: ===
              ...
            not ok 3 - another
            1..3
        not ok 1 - inner # time=1ms

        1..1
    not ok 1 - group # time=1ms

    1..1
not ok 1 - test/a.test.ts # time=100ms
1..1
`)
  t.match(counts, { passed: 0, failed: 1, skipped: 0 })
  t.strictSame(counts.failures, [{ path: ['test/a.test.ts', 'group', 'inner', 'should be equal'], diagnosis: { compare: '===' } }])
})

await t.test('skipped and todo tests count as skipped', async t => {
  const counts = countTap(`TAP version 14
# Subtest: test/a.test.ts
    ok 1 - whole # SKIP not here
    not ok 2 - later # TODO
    # Subtest: from inside
        ok 1 - no java # SKIP
        1..1
    ok 3 - from inside # time=1ms

    1..3
ok 1 - test/a.test.ts # time=100ms
1..1
`)
  t.match(counts, { passed: 0, failed: 0, skipped: 3 })
})

await t.test('counts failures at the top of a file, of a test that never ran, and of killed or cut-off files', async t => {
  const counts = countTap(`TAP version 14
# Subtest: test/top.test.ts
    # Subtest: fine
        ok 1 - x
        1..1
    ok 1 - fine # time=1ms

    not ok 2 - child test left in queue: second
    not ok 3 - child test left in queue: third
    1..3
not ok 1 - test/top.test.ts # time=1ms

# Subtest: test/killed.test.ts
    # Subtest: fine
        ok 1 - x
        1..1
    ok 1 - fine # time=1ms

    1..1
not ok 2 - test/killed.test.ts # time=1ms
  ---
  signal: SIGKILL
  ...

# Subtest: test/cut.test.ts
    # Subtest: half
        ok 1 - x
`)
  t.match(counts, { passed: 2, failed: 4, skipped: 0 })
  t.match(counts.failures[2], { path: ['test/killed.test.ts'], diagnosis: { signal: 'SIGKILL' } })
  t.match(counts.failures[3]?.path, ['test/cut.test.ts'])
})

await t.test('a run without tests has zero counts', async t => {
  t.match(countTap('TAP version 14\n1..0 # no tests found\n'), { passed: 0, failed: 0, skipped: 0 })
  t.match(countTap(''), { passed: 0, failed: 0, skipped: 0 })
})

await t.test('onFile is called with the duration of a test file when the file ends', async t => {
  const files: string[] = []
  const counter = tapCounter((name, { passed }, ms) => { files.push(`${name} ${passed} ${ms}`) })
  counter.write('TAP version 14\n# Subtest: a\n    ok 1 - x\n    1..1\nok 1 - a # time=1500ms\n')
  counter.write('# Subtest: b\n    ok 1 - x\n')
  t.strictSame(files, ['a 1 1500'])
  counter.end()
})
