// The umbrella's values of an environment, put together from the files of the components: Helm takes files of values side by side, never
// one below a key, and nobody should have to say a thing twice. Comments are kept, so the file reads as its parts do.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Document, isMap, parseDocument, Scalar, type Node } from 'yaml'
import { exists, readChart, type Chart } from './charts.ts'

/** Name of the umbrella chart. */
export const UMBRELLA = 'alert-stream'

const HEADER = ` Put together from the files of the components beside this: change those, then run
   npm run check:deploy -- --write`

/** Where it lies. */
export function umbrellaFile (root: string, environment: string): string {
  return join(root, 'deploy', 'environments', environment, `${UMBRELLA}.yaml`)
}

/** The text of that file, as it has to be. */
export async function composeUmbrella (root: string, environment: string): Promise<string> {
  const chart = await readChart(join(root, 'deploy', 'helm', UMBRELLA))
  return compose(await partsOf(root, environment, chart))
}

async function partsOf (root: string, environment: string, { dependencies }: Chart): Promise<Array<readonly [name: string, text: string]>> {
  const parts: Array<readonly [string, string]> = []
  for (const name of dependencies) {
    const file = join(root, 'deploy', 'environments', environment, `${name}.yaml`)
    if (await exists(file)) parts.push([name, await readFile(file, 'utf8')])
  }
  return parts
}

/** Texts of values, each below its name. */
export function compose (parts: ReadonlyArray<readonly [name: string, text: string]>): string {
  const whole = new Document({})
  whole.commentBefore = HEADER
  for (const [name, text] of parts) {
    const document = parseDocument(text)
    if (document.errors.length > 0) throw new Error(`${name}: ${document.errors[0]?.message}`)
    const { contents } = document
    if (!isMap(contents) || contents.items.length === 0) continue
    // What is said of the whole file stands above its first key.
    const node = contents as Node
    if (document.commentBefore !== null) node.commentBefore = [document.commentBefore, node.commentBefore].filter(Boolean).join('\n\n')
    const key = new Scalar(name)
    key.spaceBefore = isMap(whole.contents) && whole.contents.items.length > 0
    whole.set(key, contents)
  }
  return whole.toString({ lineWidth: 0, flowCollectionPadding: false })
}
