# What each variable refuses, and what contradicts each other.

mock_provider "google" {}

variables {
  project_id  = "alert-stream-test"
  environment = "test"
}

run "project_by_number" {
  command = plan
  variables {
    project_id = "123456789012"
  }
  expect_failures = [var.project_id]
}

run "environment_in_capitals" {
  command = plan
  variables {
    environment = "IdfInt"
  }
  expect_failures = [var.environment]
}

run "environment_too_long" {
  command = plan
  variables {
    environment = "an-environment-of-21c"
  }
  expect_failures = [var.environment]
}

run "prefix_ends_with_hyphen" {
  command = plan
  variables {
    name_prefix = "rubin-"
  }
  expect_failures = [var.name_prefix]
}

run "prefix_with_goog" {
  command = plan
  variables {
    name_prefix = "google-alertdb"
  }
  expect_failures = [var.name_prefix]
}

run "location_is_a_zone_of_nothing" {
  command = plan
  variables {
    location = "us central1"
  }
  expect_failures = [var.location]
}

run "soft_delete_too_short" {
  command = plan
  variables {
    soft_delete_days = 3
  }
  expect_failures = [var.soft_delete_days]
}

run "soft_delete_too_long" {
  command = plan
  variables {
    soft_delete_days = 91
  }
  expect_failures = [var.soft_delete_days]
}

run "age_of_nothing" {
  command = plan
  variables {
    maximum_alert_age = 0
  }
  expect_failures = [var.maximum_alert_age]
}

run "age_of_half_a_day" {
  command = plan
  variables {
    maximum_alert_age = 0.5
  }
  expect_failures = [var.maximum_alert_age]
}

run "empty_prefix" {
  command = plan
  variables {
    purge_prefixes = [""]
  }
  expect_failures = [var.purge_prefixes]
}

run "noncurrent_of_nothing" {
  command = plan
  variables {
    noncurrent_days = 0
  }
  expect_failures = [var.noncurrent_days]
}

run "retention_of_nothing" {
  command = plan
  variables {
    retention_days = 0
  }
  expect_failures = [var.retention_days]
}

run "retention_beyond_the_limit" {
  command = plan
  variables {
    retention_days = 36501
  }
  expect_failures = [var.retention_days]
}

run "unknown_storage_class" {
  command = plan
  variables {
    storage_class = "REGIONAL"
  }
  expect_failures = [var.storage_class]
}

run "rule_to_a_warmer_class" {
  command = plan
  variables {
    storage_class_rules = [{ age_days = 30, storage_class = "COLDLINE" }, { age_days = 90, storage_class = "NEARLINE" }]
  }
  expect_failures = [var.storage_class_rules]
}

run "rules_from_old_to_young" {
  command = plan
  variables {
    storage_class_rules = [{ age_days = 90, storage_class = "NEARLINE" }, { age_days = 30, storage_class = "COLDLINE" }]
  }
  expect_failures = [var.storage_class_rules]
}

run "rule_with_unknown_class" {
  command = plan
  variables {
    storage_class_rules = [{ age_days = 30, storage_class = "STANDARD" }]
  }
  expect_failures = [var.storage_class_rules]
}

run "archive_for_everybody" {
  command = plan
  variables {
    extra_readers = ["allUsers"]
  }
  expect_failures = [var.extra_readers]
}

run "writer_account_too_short" {
  command = plan
  variables {
    writer_account_id = "w"
  }
  expect_failures = [var.writer_account_id]
}

run "reader_account_is_an_address" {
  command = plan
  variables {
    reader_account_id = "reader@project.iam"
  }
  expect_failures = [var.reader_account_id]
}

run "indexer_account_too_long" {
  command = plan
  variables {
    indexer_account_id = "an-indexer-of-more-than-30-letters"
  }
  expect_failures = [var.indexer_account_id]
}

run "pool_is_a_project" {
  command = plan
  variables {
    workload_identity_pool = "alert-stream-test"
  }
  expect_failures = [var.workload_identity_pool]
}

run "purge_within_retention" {
  command = plan
  variables {
    purge_old_alerts = true
    retention_days   = 30
  }
  expect_failures = [google_storage_bucket.packets]
}

run "versions_within_retention" {
  command = plan
  variables {
    versioning     = true
    retention_days = 30
  }
  expect_failures = [google_storage_bucket.packets]
}

run "lock_of_nothing" {
  command = plan
  variables {
    retention_locked = true
  }
  expect_failures = [google_storage_bucket.packets]
}

run "colder_class_after_the_end" {
  command = plan
  variables {
    purge_old_alerts    = true
    storage_class_rules = [{ age_days = 30, storage_class = "NEARLINE" }]
  }
  expect_failures = [google_storage_bucket.packets]
}

run "bucket_by_url" {
  command = plan
  variables {
    bucket_names = { packets = "gs://alerts" }
  }
  expect_failures = [var.bucket_names]
}

run "one_bucket_for_both" {
  command = plan
  variables {
    bucket_names = { packets = "alerts", schemas = "alerts" }
  }
  expect_failures = [var.bucket_names]
}
