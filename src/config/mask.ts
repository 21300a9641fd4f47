// Masks secrets in printed values.
export const MASK = '***'

/** Masks the password of each `https://user:password@host` in the text. */
export function withoutPassword (text: string): string {
  return text.replace(/(:\/\/[^/?#@\s]*?):[^/?#\s]*@/g, `$1:${MASK}@`)
}
