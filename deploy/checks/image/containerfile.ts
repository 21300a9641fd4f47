// What a Containerfile builds on: the images that its FROM lines name, with the defaults of their arguments.

/** External images in the order of their first use; stages are none. Throws where an argument has no default. */
export function basesOf (containerfile: string): string[] {
  const args = new Map<string, string>()
  const stages = new Set<string>()
  const bases = new Set<string>()
  for (const line of containerfile.split('\n')) {
    const arg = /^ARG\s+(\w+)=(\S*)\s*$/.exec(line)
    // Only those before the first FROM are known to FROM lines.
    if (arg !== null && stages.size === 0 && bases.size === 0) args.set(arg[1] ?? '', arg[2] ?? '')
    const from = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$/i.exec(line)
    if (from === null) continue
    const image = (from[1] ?? '').replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
      const value = args.get(name)
      if (value === undefined) throw new Error(`${line}: ${name} has no default`)
      return value
    })
    if (!stages.has(image)) bases.add(image)
    if (from[2] !== undefined) stages.add(from[2])
  }
  return [...bases]
}

/** The argument that takes each base's digest, as `@sha256:...`, behind its tag; a base without one is left out. */
export function digestArguments (containerfile: string): Map<string, string> {
  const args = new Map<string, string>()
  for (const [line = '', name = ''] of containerfile.matchAll(/^FROM .*\$\{(\w+_DIGEST)\}.*$/gm)) {
    for (const base of basesOf(`${containerfile.slice(0, containerfile.search(/^FROM /m))}${line}\n`)) args.set(base, name)
  }
  return args
}
