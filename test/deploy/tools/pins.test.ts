import t from 'tap'
import { isNewEnough } from '../../../deploy/checks/tools/go.ts'
import { recipes } from '../../../deploy/checks/tools/pins.ts'
import { shortHash, type Recipe } from '../../../deploy/checks/tools/recipe.ts'

await t.test('recognises a Go version that is new enough', async t => {
  for (
    const version of ['go version go1.26.6 linux/amd64', 'go version go1.26.8 linux/amd64', 'go version go1.27 linux/arm64',
      'go version go2.0']
  ) t.ok(isNewEnough(version), version)
  for (const version of ['go version go1.26.5 linux/amd64', 'go version go1.26 linux/amd64', 'go version go1.19.8', 'go version devel', ''])
    t.notOk(isNewEnough(version), version)
})

await t.test('every tool is pinned and depends only on existing tools', async t => {
  for (const [name, { pins, needs = [], title, path }] of Object.entries<Recipe>(recipes)) {
    t.ok(pins.length > 0, name)
    t.ok(title.length > 0 && !path.startsWith('/'), name)
    for (const needed of needs) t.ok(needed in recipes, `${name} needs ${needed}`)
  }
  t.not(shortHash(['a']), shortHash(['b']))
  // go.sum is what pins a program of Go's: each of its lines is a checksum.
  for (const name of ['kubeconform', 'helm-docs', 'helm-unittest', 'tofu', 'kube-apiserver'] as const)
    t.ok(recipes[name].pins.some(pin => /^(\S+ v\S+ h1:\S+=\n)+$/.test(pin)), name)
})
