// Writes the flags of all modes into docs/configuration.md, between its two marks. A test fails where the file is not current.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { allModes } from '../src/cli/find-mode.ts'
import { referenceMarkdown } from '../src/config/reference.ts'

const FILE = join(import.meta.dirname, '..', 'docs', 'configuration.md')
const START = /(<!-- reference: .*-->\n)[^]*(?=<!-- end of reference -->)/

const text = await readFile(FILE, 'utf8')
if (!START.test(text)) throw new Error(`${FILE} has no marks for the reference`)
const reference = referenceMarkdown(await allModes())
await writeFile(FILE, text.replace(START, (_, mark: string) => `${mark}\n${reference}\n`))
