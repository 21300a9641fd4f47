# The buckets as they are by default, and every option of them.

mock_provider "google" {}

variables {
  project_id  = "alert-stream-test"
  environment = "test"
}

run "names_are_derived_and_short" {
  command = plan

  assert {
    condition     = google_storage_bucket.packets.name == "rubin-alertdb-test-${substr(sha256("alert-stream-test/test/"), 0, 8)}-packets"
    error_message = "the packets' bucket has another name: ${google_storage_bucket.packets.name}"
  }
  assert {
    condition     = google_storage_bucket.schemas.name == "rubin-alertdb-test-${substr(sha256("alert-stream-test/test/"), 0, 8)}-schemas"
    error_message = "the schemas' bucket has another name: ${google_storage_bucket.schemas.name}"
  }
}

run "longest_names_fit" {
  command = plan
  variables {
    environment = "an-environment-of-20"
    name_prefix = "a-prefix-that-has-24-lett"
  }
  # 25 letters: one too many.
  expect_failures = [var.name_prefix]
}

run "longest_names_are_63" {
  command = plan
  variables {
    environment = "an-environment-of-20"
    name_prefix = "a-prefix-that-has-24-let"
  }
  assert {
    condition     = length(google_storage_bucket.packets.name) <= 63 && length(google_storage_bucket.schemas.name) <= 63
    error_message = "bucket names have at most 63 characters"
  }
}

run "salt_makes_other_names" {
  command = plan
  variables {
    name_salt = "again"
  }
  assert {
    condition     = google_storage_bucket.packets.name == "rubin-alertdb-test-${substr(sha256("alert-stream-test/test/again"), 0, 8)}-packets"
    error_message = "the salt must enter the name"
  }
}

run "nothing_is_public_or_destroyed" {
  command = plan
  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.packets, google_storage_bucket.schemas] : bucket.public_access_prevention == "enforced"])
    error_message = "public access must be prevented on both buckets"
  }
  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.packets, google_storage_bucket.schemas] : bucket.uniform_bucket_level_access])
    error_message = "access must be uniform on both buckets"
  }
  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.packets, google_storage_bucket.schemas] : !bucket.force_destroy])
    error_message = "a bucket that holds anything must not be destroyed"
  }
  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.packets, google_storage_bucket.schemas] : bucket.location == "us-central1"])
    error_message = "the default location is us-central1"
  }
}

run "by_default_all_is_kept" {
  command = plan
  assert {
    condition     = length(google_storage_bucket.packets.lifecycle_rule) == 0 && length(google_storage_bucket.schemas.lifecycle_rule) == 0
    error_message = "nothing may be deleted unless purging is on"
  }
  assert {
    condition     = !google_storage_bucket.packets.versioning[0].enabled && google_storage_bucket.schemas.versioning[0].enabled
    error_message = "by default schemas have versions and alerts have none"
  }
  assert {
    condition     = google_storage_bucket.packets.soft_delete_policy[0].retention_duration_seconds == 604800 && google_storage_bucket.schemas.soft_delete_policy[0].retention_duration_seconds == 604800
    error_message = "what is deleted can be restored for 7 days"
  }
  assert {
    condition     = length(google_storage_bucket.packets.retention_policy) == 0 && length(google_storage_bucket.schemas.retention_policy) == 0
    error_message = "no retention period by default"
  }
}

run "options_reach_the_buckets" {
  command = plan
  variables {
    location          = "europe-west1"
    storage_class     = "NEARLINE"
    versioning        = true
    schema_versioning = false
    soft_delete_days  = 30
    labels            = { team = "alerts" }
  }
  assert {
    condition     = google_storage_bucket.packets.location == "europe-west1" && google_storage_bucket.schemas.location == "europe-west1"
    error_message = "location"
  }
  assert {
    condition     = google_storage_bucket.packets.storage_class == "NEARLINE" && google_storage_bucket.schemas.storage_class == "STANDARD"
    error_message = "the storage class is that of alerts; schemas are read all the time"
  }
  assert {
    condition     = google_storage_bucket.packets.versioning[0].enabled && !google_storage_bucket.schemas.versioning[0].enabled
    error_message = "versioning and schema_versioning"
  }
  assert {
    condition     = google_storage_bucket.packets.soft_delete_policy[0].retention_duration_seconds == 2592000 && google_storage_bucket.schemas.soft_delete_policy[0].retention_duration_seconds == 2592000
    error_message = "soft_delete_days"
  }
  assert {
    condition     = google_storage_bucket.packets.labels == tomap({ team = "alerts", component = "alertdb", environment = "test" })
    error_message = "labels"
  }
}

run "retention_holds_both_buckets" {
  command = plan
  variables {
    retention_days   = 3653
    retention_locked = true
  }
  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.packets, google_storage_bucket.schemas] : tostring(bucket.retention_policy[0].retention_period) == "315619200" && bucket.retention_policy[0].is_locked])
    error_message = "ten years, locked, on both buckets"
  }
  assert {
    condition     = !google_storage_bucket.schemas.versioning[0].enabled
    error_message = "versioning and a retention period exclude each other"
  }
}

run "retention_is_not_locked_unless_asked" {
  command = plan
  variables {
    retention_days = 30
  }
  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.packets, google_storage_bucket.schemas] : !bucket.retention_policy[0].is_locked])
    error_message = "a lock cannot be undone: it must be asked for"
  }
}

run "existing_buckets" {
  command = plan
  variables {
    bucket_names = { packets = "rubin-alertdb-int-us-central1-packets" }
  }
  assert {
    condition     = output.alert_bucket == "rubin-alertdb-int-us-central1-packets" && endswith(output.schema_bucket, "-schemas") && output.helm_values.storage.gcp.alertBucket == output.alert_bucket
    error_message = "the name of an imported bucket, the generated name of the other"
  }
}
