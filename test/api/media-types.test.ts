import t from 'tap'
import { requestedForm, type Form } from '../../src/api/media-types.ts'

const forms: readonly [Form, ...Form[]] = [
  { name: 'first', mediaTypes: ['application/first'] },
  { name: 'second', mediaTypes: ['text/second', 'application/other'] },
  { name: 'third', mediaTypes: ['text/third'] }
]

const cases: Readonly<Record<string, string | undefined>> = {
  '*/*': 'first',
  'text/*': 'second',
  'text/third': 'third',
  'application/other': 'second',
  'TEXT/Third ; Q=1': 'third',
  'text/html': undefined,
  '': undefined,
  ', ,': undefined,
  'text/third;q=0.5, text/second;q=0.4': 'third',
  'text/third;q=0.5, text/*;q=0.6': 'second',
  'text/second;q=0, */*': 'first',
  'application/first;q=0, */*': 'second',
  'application/first;q=0, text/second;q=0, application/other;q=0, */*;q=0.1': 'third',
  '*/*;q=0': undefined,
  'text/third;q=nonsense, application/first;q=0.001': 'first',
  'text/third;charset=utf-8;q=0.9, application/first;q=0.8': 'third'
}

await t.test('the form with the highest weight is chosen, and the first of equal ones', async t => {
  t.equal(requestedForm(undefined, undefined, forms)?.name, 'first')
  for (const [accept, name] of Object.entries(cases)) {
    t.equal(requestedForm(undefined, accept, forms)?.name, name, accept)
    t.equal(requestedForm(undefined, accept, forms)?.name, name, `${accept} again`)
  }
})

await t.test('the query parameter format names a form, whatever Accept says', async t => {
  t.equal(requestedForm('second', 'text/third', forms)?.name, 'second')
  t.equal(requestedForm('fourth', '*/*', forms), undefined)
})
