# The archive's buckets. Two of them, as DMTN-210 3.6.2 has it: what deletes alerts can then never reach a schema.

locals {
  # Bucket names are shared by all of Google Cloud. The unique part is derived, not drawn by chance: the names are known before the first apply
  # (so the charts' values can be written down), are the same after the state was lost, and need no second provider.
  unique = substr(sha256("${var.project_id}/${var.environment}/${var.name_salt}"), 0, 8)
  names = {
    packets = coalesce(var.bucket_names.packets, "${var.name_prefix}-${var.environment}-${local.unique}-packets")
    schemas = coalesce(var.bucket_names.schemas, "${var.name_prefix}-${var.environment}-${local.unique}-schemas")
  }
  labels = merge(var.labels, { component = "alertdb", environment = var.environment })

  day = 24 * 60 * 60
  soft_delete_seconds = {
    packets = local.day * coalesce(var.soft_delete_days, var.purge_old_alerts ? 0 : 7)
    schemas = local.day * coalesce(var.soft_delete_days, 7)
  }
}

resource "google_storage_bucket" "packets" {
  project       = var.project_id
  name          = local.names.packets
  location      = var.location
  storage_class = var.storage_class
  labels        = local.labels

  # By roles on the whole bucket only, and never to the public, whatever somebody grants by mistake.
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # A bucket that holds anything is not destroyed: empty it by hand first.
  force_destroy = false

  versioning {
    enabled = var.versioning
  }

  soft_delete_policy {
    retention_duration_seconds = local.soft_delete_seconds.packets
  }

  dynamic "retention_policy" {
    for_each = var.retention_days == null ? [] : [var.retention_days]
    content {
      # A string from provider 7 on, a number before: the language converts.
      retention_period = tostring(retention_policy.value * local.day)
      is_locked        = var.retention_locked
    }
  }

  dynamic "lifecycle_rule" {
    for_each = local.lifecycle_rules
    content {
      action {
        type          = lifecycle_rule.value.type
        storage_class = lifecycle_rule.value.storage_class
      }
      condition {
        age                        = lifecycle_rule.value.age
        days_since_noncurrent_time = lifecycle_rule.value.noncurrent_days
        with_state                 = lifecycle_rule.value.state
        matches_prefix             = lifecycle_rule.value.prefixes
      }
    }
  }

  lifecycle {
    precondition {
      condition     = !(var.purge_old_alerts && var.retention_days != null)
      error_message = "purge_old_alerts and retention_days contradict each other: Cloud Storage would delete nothing before the retention period is over."
    }
    precondition {
      condition     = !(var.versioning && var.retention_days != null)
      error_message = "versioning and retention_days exclude each other: within the retention period nothing can be deleted, so there are no versions to keep."
    }
    precondition {
      condition     = !(var.retention_locked && var.retention_days == null)
      error_message = "retention_locked needs retention_days: there is no retention period to lock."
    }
    precondition {
      condition     = !var.purge_old_alerts || alltrue([for rule in var.storage_class_rules : rule.age_days < var.maximum_alert_age])
      error_message = "storage_class_rules must come before maximum_alert_age: an alert would be gone before it is moved."
    }
  }
}

# No lifecycle rules: a schema is used for many weeks, and by alerts that are read for years.
resource "google_storage_bucket" "schemas" {
  project       = var.project_id
  name          = local.names.schemas
  location      = var.location
  storage_class = "STANDARD"
  labels        = local.labels

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    # A retention period does it already, and the two exclude each other.
    enabled = var.schema_versioning && var.retention_days == null
  }

  soft_delete_policy {
    retention_duration_seconds = local.soft_delete_seconds.schemas
  }

  dynamic "retention_policy" {
    for_each = var.retention_days == null ? [] : [var.retention_days]
    content {
      retention_period = tostring(retention_policy.value * local.day)
      is_locked        = var.retention_locked
    }
  }
}
