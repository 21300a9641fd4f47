/**
 * The external images that the FROM lines of a Containerfile name, with the defaults of their arguments, each with the name of the argument
 * that takes its digest (`@sha256:...`). A stage has no slash in its name.
 */
export function basesOf (containerfile: string): Map<string, string> {
  const defaults = new Map([...containerfile.matchAll(/^ARG (\w+)=(\S*)$/gm)].map(([, name = '', value = '']) => [name, value]))
  return new Map([...containerfile.matchAll(/^FROM (\S+\/\S+)/gm)].map(([, image = '']) => [
    image.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => defaults.get(name) ?? ''), /\w+_DIGEST/.exec(image)?.[0] ?? ''
  ]))
}
