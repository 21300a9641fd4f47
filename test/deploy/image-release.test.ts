import t from 'tap'
import { imageTags } from '../../scripts/image-release.ts'

const commit = '0123456789abcdef0123456789abcdef01234567'

await t.test('an image is tagged with the Git ref and with the commit', async t => {
  t.strictSame(imageTags('branch', 'main', commit, '1.2.3'), ['main', commit])
  t.strictSame(imageTags('branch', 'tickets/DM-32743', commit, '1.2.3'), ['tickets-DM-32743', commit])
  t.strictSame(imageTags('tag', '1.2.3', commit, '1.2.3'), ['1.2.3', commit])
  t.strictSame(imageTags('tag', 'w.2026.48', commit, '1.2.3'), ['w.2026.48', commit])
  t.strictSame(imageTags('branch', '.hidden/+é', commit, '1.2.3'), ['hidden-', commit])
  t.equal(imageTags('branch', 'x'.repeat(200), commit, '1.2.3')[0]?.length, 128)
})

await t.test('rejects a version tag that is not the version of the package, an unusable ref and a short commit', async t => {
  t.throws(() => imageTags('tag', '1.2.4', commit, '1.2.3'), /1\.2\.4 does not match the version 1\.2\.3 in package\.json/)
  t.throws(() => imageTags('tag', 'v1.2.3', commit, '1.2.3'), /have no leading v/)
  t.strictSame(imageTags('branch', '1.2.4', commit, '1.2.3'), ['1.2.4', commit], 'a branch name may look like a version')
  t.throws(() => imageTags('branch', '///', commit, '1.2.3'), /cannot derive an image tag/)
  t.throws(() => imageTags('branch', 'main', 'abc', '1.2.3'), /not a full commit hash/)
})
