// Secrets in what is printed.
export const MASK = '***'

/** `https://user:password@host` with the password masked, wherever it stands in the text. */
export function withoutPassword (text: string): string {
  return text.replace(/(:\/\/[^/?#@\s]*?):[^/?#\s]*@/g, `$1:${MASK}@`)
}
