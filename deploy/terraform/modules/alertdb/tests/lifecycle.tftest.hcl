# What deletes and moves alerts. action and condition are sets in the provider, hence one(...).

mock_provider "google" {}

variables {
  project_id  = "alert-stream-test"
  environment = "test"
}

run "purging_deletes_alerts_and_frees_what_they_leave" {
  command = plan
  variables {
    purge_old_alerts = true
  }
  assert {
    condition     = length(google_storage_bucket.packets.lifecycle_rule) == 3
    error_message = "purging has three rules"
  }
  assert {
    condition = one([
      for rule in google_storage_bucket.packets.lifecycle_rule : one(rule.condition).age if one(rule.action).type == "Delete" && one(rule.condition).with_state == "LIVE"
    ]) == 28
    error_message = "alerts are deleted at 28 days"
  }
  assert {
    condition = one([
      for rule in google_storage_bucket.packets.lifecycle_rule : one(rule.condition).days_since_noncurrent_time if one(rule.action).type == "Delete" && one(rule.condition).with_state == "ARCHIVED"
    ]) == 7
    error_message = "versions are freed 7 days after they were deleted"
  }
  assert {
    condition     = alltrue([for rule in google_storage_bucket.packets.lifecycle_rule : length(one(rule.condition).matches_prefix) == 0])
    error_message = "the index, in the same bucket, is deleted at the same age"
  }
  assert {
    condition     = one([for rule in google_storage_bucket.packets.lifecycle_rule : one(rule.condition).age if one(rule.action).type == "AbortIncompleteMultipartUpload"]) == 7
    error_message = "uploads that never ended are aborted"
  }
  assert {
    condition     = google_storage_bucket.packets.soft_delete_policy[0].retention_duration_seconds == 0
    error_message = "purged alerts must not be paid for as soft-deleted ones"
  }
}

run "schemas_are_never_purged" {
  command = plan
  variables {
    purge_old_alerts    = true
    storage_class_rules = [{ age_days = 7, storage_class = "NEARLINE" }]
  }
  assert {
    condition     = length(google_storage_bucket.schemas.lifecycle_rule) == 0
    error_message = "the schemas' bucket has no lifecycle rules"
  }
  assert {
    condition     = google_storage_bucket.schemas.soft_delete_policy[0].retention_duration_seconds == 604800
    error_message = "a deleted schema can be restored for 7 days, purging or not"
  }
}

run "purging_by_age_and_prefix" {
  command = plan
  variables {
    purge_old_alerts  = true
    maximum_alert_age = 3
    noncurrent_days   = 1
    purge_prefixes    = ["v2/alerts/"]
    soft_delete_days  = 7
  }
  assert {
    condition     = alltrue([for rule in google_storage_bucket.packets.lifecycle_rule : tolist(one(rule.condition).matches_prefix) == tolist(["v2/alerts/"]) if one(rule.action).type == "Delete"])
    error_message = "only names that begin so are deleted"
  }
  assert {
    condition     = one([for rule in google_storage_bucket.packets.lifecycle_rule : one(rule.condition).age if one(rule.condition).with_state == "LIVE"]) == 3
    error_message = "maximum_alert_age"
  }
  assert {
    condition     = one([for rule in google_storage_bucket.packets.lifecycle_rule : one(rule.condition).days_since_noncurrent_time if one(rule.condition).with_state == "ARCHIVED"]) == 1
    error_message = "noncurrent_days"
  }
  assert {
    condition     = google_storage_bucket.packets.soft_delete_policy[0].retention_duration_seconds == 604800
    error_message = "soft_delete_days holds where it is given, purging or not"
  }
}

run "colder_classes_by_age" {
  command = plan
  variables {
    storage_class_rules = [{ age_days = 30, storage_class = "NEARLINE" }, { age_days = 365, storage_class = "ARCHIVE" }]
  }
  assert {
    condition     = [for rule in google_storage_bucket.packets.lifecycle_rule : "${one(rule.action).type} ${one(rule.action).storage_class} ${one(rule.condition).age}"] == ["SetStorageClass NEARLINE 30", "SetStorageClass ARCHIVE 365"]
    error_message = "alerts move to NEARLINE at 30 days and to ARCHIVE at 365, and nothing deletes them"
  }
  assert {
    condition     = alltrue([for rule in google_storage_bucket.packets.lifecycle_rule : toset(one(rule.condition).matches_prefix) == toset(["v1/alerts/", "/v1/alerts/", "/alert_archive/v1/alerts/", "v2/alerts/", "v3/alerts/"])])
    error_message = "alerts of all layouts move, the index stays"
  }
}
