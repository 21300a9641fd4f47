// `npm run check:deploy`: checks what is deployed. There are neither charts nor Terraform modules yet; should somebody add one without
// its check, this fails instead of passing over it.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', 'deploy')
const found: string[] = []
for (const folder of ['helm', 'terraform']) {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => [])
  found.push(...entries.filter(entry => entry.name !== 'README.md').map(entry => join('deploy', folder, entry.name)))
}
if (found.length > 0) {
  process.stderr.write(`check:deploy: nothing checks ${found.join(', ')} yet: add its check to scripts/check-deploy.ts\n`)
  process.exitCode = 1
} else {
  process.stdout.write('check:deploy: there are no charts and no Terraform modules yet\n')
}
