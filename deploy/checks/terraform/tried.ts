// Whether a module's tests try all that it offers: every option is set, every check of a variable is failed, every output is looked at.
// What no test tries can break unseen.

/** `source`: all of the module's files; `tests`: all of its tests. */
export function untried (source: string, tests: string): string[] {
  const expected = [...tests.matchAll(/expect_failures\s*=\s*\[([^\]]*(?:\["[^\]]*\][^\]]*)*)\]/g)].map(([, list = '']) => list).join(' ')
  const faults: string[] = []
  for (const [, kind = '', name = '', body = ''] of source.matchAll(/^(variable|output) "(\w+)" \{\n(.*?)^\}/gms)) {
    if (kind === 'output') {
      if (!new RegExp(`\\boutput\\.${name}\\b`).test(tests)) faults.push(`no test looks at the output ${name}`)
      continue
    }
    if (!new RegExp(`^\\s+${name}\\s+=`, 'm').test(tests)) faults.push(`no test sets ${name}`)
    const checks = body.split(/^ {2}validation \{/m).length - 1
    const failed = expected.split(new RegExp(`\\bvar\\.${name}\\b`)).length - 1
    if (failed < checks) faults.push(`${name} has ${checks} validations, and tests expect ${failed} failures`)
  }
  for (const [, type = '', name = '', body = ''] of source.matchAll(/^resource "(\w+)" "(\w+)" \{\n(.*?)^\}/gms)) {
    const checks = body.split(/^ {4}precondition \{/m).length - 1
    // One run may name the same resource for each of its instances.
    const failed = [...tests.matchAll(/expect_failures\s*=\s*\[(.*)\]$/gm)].filter(([, list = '']) =>
      list.includes(`${type}.${name}`)
    ).length
    if (failed < checks) faults.push(`${type}.${name} has ${checks} preconditions, and ${failed} runs expect it to fail`)
  }
  return faults
}
