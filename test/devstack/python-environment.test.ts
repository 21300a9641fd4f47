import { execFileSync } from 'node:child_process'
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { pythonEnvironment } from '../../src/devstack/index.ts'
import { tempDir, usePython } from '../support/stack.ts'

await t.test('the environment can import its packages and read Avro with every codec', async t => {
  const python = await usePython(t)
  const program = `
import io, fastavro, numpy, astropy.io.fits, confluent_kafka, requests
from confluent_kafka.schema_registry.avro import AvroDeserializer
schema = {"type": "record", "name": "a", "fields": [{"name": "x", "type": "long"}]}
for codec in ("null", "deflate", "snappy", "zstandard"):
    out = io.BytesIO(); fastavro.writer(out, schema, [{"x": 2**62}], codec=codec); out.seek(0)
    assert list(fastavro.reader(out)) == [{"x": 2**62}]
    print(codec)
`
  t.equal(execFileSync(python, ['-c', program], { encoding: 'utf8' }), 'null\ndeflate\nsnappy\nzstandard\n')
  t.equal(await usePython(t), python)
})

await t.test('reports a pip failure and leaves no incomplete environment behind', async t => {
  const root = await tempDir(t)
  const bin = join(root, 'bin')
  await mkdir(bin)
  // The script replaces python3. With `-m venv`, it copies itself into a new environment. With `-m pip`, it fails.
  await writeFile(join(bin, 'python3'), `#!/bin/sh
case "$*" in
  *json*) echo '{"version": "3.11.2", "pip": true, "venv": true}';;
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
  "-m pip "*) echo "ERROR: No matching distribution found for nothing==1" >&2; exit 1;;
  *) echo "3.11.2"; echo "$0";;
esac
`)
  await chmod(join(bin, 'python3'), 0o755)
  const env = { ...process.env, PATH: `${bin}:/usr/bin:/bin` }
  const options = { cacheDir: join(root, 'cache'), env, requirements: ['nothing==1'] }
  await t.rejects(pythonEnvironment(options), {
    code: 'DEVSTACK_PYTHON_PACKAGES', message: /No matching distribution found for nothing==1/
  })
  t.strictSame(await readdir(options.cacheDir), [])
})
