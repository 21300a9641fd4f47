// Independent readers of gzip: Python, GNU gunzip and Go. They share no code with the program.
import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const pythonProgram = `
import gzip, hashlib, sys
for path in sys.stdin.read().split():
    with gzip.open(path) as file: print(hashlib.sha256(file.read()).hexdigest())
`

const goProgram = `package main

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

func main() {
	paths := bufio.NewScanner(os.Stdin)
	for paths.Scan() {
		file, err := os.Open(paths.Text())
		if err != nil { panic(err) }
		reader, err := gzip.NewReader(bufio.NewReader(file))
		if err != nil { panic(err) }
		frame, err := io.ReadAll(reader)
		if err != nil { panic(err) }
		fmt.Printf("%x %x\\n", sha256.Sum256(frame), reader.Extra)
		file.Close()
	}
}
`

export const hasGo = spawnSync('go', ['version']).status === 0

/** Writes each object into a file in `folder`. Returns the paths. */
export async function writeObjects (folder: string, objects: readonly Buffer[]): Promise<string[]> {
  return await Promise.all(objects.map(async (object, index) => {
    const path = join(folder, `${index}.gz`)
    await writeFile(path, object)
    return path
  }))
}

/** The SHA-256 of the content of each file, as Python reads it. */
export function pythonDigests (paths: readonly string[]): string[] {
  return lines('python3', ['-c', pythonProgram], paths)
}

/** The SHA-256 of the content and the extra fields of each file in hex, as Go reads it. */
export async function goDigests (folder: string, paths: readonly string[]): Promise<string[]> {
  const program = join(folder, 'main.go')
  await writeFile(program, goProgram)
  return lines('go', ['run', program], paths, { GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GO111MODULE: 'off' })
}

/** What `gunzip -t` reports about the files. */
export function gunzipReport (paths: readonly string[]): string {
  return spawnSync('gunzip', ['-t', ...paths], { encoding: 'utf8' }).stderr
}

function lines (program: string, args: readonly string[], paths: readonly string[], env: NodeJS.ProcessEnv = {}): string[] {
  const options = { input: paths.join('\n'), encoding: 'utf8', maxBuffer: 1e8, env: { ...process.env, ...env } } as const
  const { stdout, stderr } = spawnSync(program, args, options)
  return stderr === '' ? stdout.trimEnd().split('\n') : [stderr]
}

export function digest (frame: Buffer): string {
  return createHash('sha256').update(frame).digest('hex')
}
