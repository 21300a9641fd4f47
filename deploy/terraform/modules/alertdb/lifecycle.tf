# What happens to alerts as they grow old. Rules of the packets' bucket only.

locals {
  purge_rules = [
    # Without versioning this frees them; with it, it makes them noncurrent, and the next rule frees them.
    {
      type = "Delete", storage_class = null
      age  = var.maximum_alert_age, noncurrent_days = null, state = "LIVE", prefixes = var.purge_prefixes
    },
    # Also where versioning is off: what was kept while it was on would stay for ever.
    {
      type = "Delete", storage_class = null
      age  = null, noncurrent_days = var.noncurrent_days, state = "ARCHIVED", prefixes = var.purge_prefixes
    },
    # The program uploads in one request; what other tools began and never ended is paid for unseen.
    {
      type = "AbortIncompleteMultipartUpload", storage_class = null
      age  = 7, noncurrent_days = null, state = null, prefixes = []
    },
  ]

  # Alerts of all layouts. The index stays in the class of new objects, because searches read it.
  alert_prefixes = ["v1/alerts/", "/v1/alerts/", "/alert_archive/v1/alerts/", "v2/alerts/", "v3/alerts/"]

  class_rules = [
    for rule in var.storage_class_rules : {
      type = "SetStorageClass", storage_class = rule.storage_class
      age  = rule.age_days, noncurrent_days = null, state = "LIVE", prefixes = local.alert_prefixes
    }
  ]

  lifecycle_rules = concat(var.purge_old_alerts ? local.purge_rules : [], local.class_rules)
}
