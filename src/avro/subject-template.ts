// Subjects with the schema version in their name, such as the survey's second set `lsst-alerts-v11.1-value`.

const placeholders = /\{(major|minor)\}/g

/** Returns undefined if the text is a valid template, otherwise a description of valid templates. */
export function checkSubjectTemplate (template: string): string | undefined {
  if (!template.includes('{major}')) return 'a subject that contains {major}, such as lsst-alerts-v{major}.{minor}-value'
  const rest = template.replace(placeholders, '')
  if (/[{}]/.test(rest)) return 'a subject without other braces than those of {major} and {minor}'
  return /[\p{Cc}\s]/u.test(rest) ? 'a subject without spaces and control characters' : undefined
}

/**
 * The subject for a schema version.
 * @param template a valid template
 * @param version such as `11.1`
 */
export function subjectFor (template: string, version: string): string {
  const [major = '', minor = ''] = version.split('.')
  return template.replace(placeholders, (_, name: string) => name === 'major' ? major : minor)
}
