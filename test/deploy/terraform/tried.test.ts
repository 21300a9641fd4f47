import t from 'tap'
import { untried } from '../../../deploy/checks/terraform/tried.ts'

const source = `
variable "age" {
  type = number

  validation {
    condition = var.age > 0
  }

  validation {
    condition = var.age < 9
  }
}

variable "name" {
  type = string
}

output "bucket" {
  value = google_storage_bucket.this.name
}

resource "google_storage_bucket" "this" {
  name = var.name

  lifecycle {
    precondition {
      condition = var.name != "" || var.age > 1
    }
  }
}
`
const tests = `
run "all" {
  variables {
    age  = 1
    name = "x"
  }
  assert {
    condition = output.bucket == "x"
  }
}
run "too_young" {
  expect_failures = [var.age]
}
run "too_old" {
  expect_failures = [var.age]
}
run "nameless" {
  expect_failures = [google_storage_bucket.this["a"], google_storage_bucket.this["b"]]
}
`

await t.test('accepts a module whose tests cover all of it', async t => {
  t.strictSame(untried(source, tests), [])
})

await t.test('reports what no test covers', async t => {
  t.strictSame(untried(source, tests.replace('    name = "x"\n', '')), ['no test sets name'])
  t.strictSame(untried(source, tests.replace('output.bucket', 'output.buckets')), ['no test looks at the output bucket'])
  t.strictSame(untried(source, tests.replace('expect_failures = [var.age]', '')), ['age has 2 validations, and tests expect 1 failures'])
  t.strictSame(untried(source, tests.replace(/run "nameless".*/s, '')), [
    'google_storage_bucket.this has 1 preconditions, and 0 runs expect it to fail'
  ])
})
