variable "project_id" {
  description = "Google Cloud project that holds the buckets and the service accounts."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is a project's id (6 to 30 lower-case letters, digits and hyphens), not its name or number."
  }
}

variable "environment" {
  description = "Name of the environment, a part of the buckets' names: `idfint`, `prod`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.environment))
    error_message = "environment has 2 to 20 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen: bucket names of at most 63 characters are made of it."
  }
}

variable "name_prefix" {
  description = "What the buckets' names begin with."
  type        = string
  default     = "rubin-alertdb"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name_prefix)) && !strcontains(var.name_prefix, "goog")
    error_message = "name_prefix has 2 to 24 lower-case letters, digits and hyphens, begins with a letter, does not end with a hyphen, and does not contain \"goog\" (Cloud Storage refuses that)."
  }
}

variable "name_salt" {
  description = "Enters the generated part of the buckets' names. Change it only to get new, empty buckets beside old ones that were taken out of the state, or where a name is taken by somebody else."
  type        = string
  default     = ""
}

variable "bucket_names" {
  description = "Names of the buckets instead of the generated ones: for buckets that exist and are imported, because a bucket cannot be renamed."
  type = object({
    packets = optional(string)
    schemas = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for name in [var.bucket_names.packets, var.bucket_names.schemas] : name == null || can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", name))])
    error_message = "bucket_names are 3 to 63 lower-case letters, digits, hyphens, underscores and dots, without gs://."
  }

  validation {
    condition     = var.bucket_names.packets == null || try(var.bucket_names.packets != var.bucket_names.schemas, true)
    error_message = "bucket_names are two different buckets: a purge of alerts must not reach the schemas."
  }
}

variable "location" {
  description = "Where the buckets are: the cluster's region, for reads and writes that leave it cost more and take longer. Cannot be changed later."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[A-Za-z]+(-[A-Za-z]+[0-9]+)?$|^[A-Za-z]+[0-9]+$", var.location))
    error_message = "location is a region (us-central1), a dual-region (nam4) or a multi-region (us)."
  }
}

variable "labels" {
  description = "Labels of the buckets, beside `component` and `environment`."
  type        = map(string)
  default     = {}
}

variable "versioning" {
  description = "Keep versions of alerts that were deleted. Off by default: the program never overwrites an object (each upload is on condition that its name is free), so versions guard against deletions only, for ever and at the full price. Soft deletion guards against them for some days, a retention period for good."
  type        = bool
  default     = false
}

variable "schema_versioning" {
  description = "Keep versions of schemas that were deleted. On by default: schemas are few and small, and without its schema no alert can be read."
  type        = bool
  default     = true
}

variable "soft_delete_days" {
  description = "Days for which deleted objects can be restored: 0 (none), or 7 to 90. Default 7, but 0 for alerts that are purged: they would be paid for during that time too."
  type        = number
  default     = null

  validation {
    condition     = var.soft_delete_days == null || try(var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90 && floor(var.soft_delete_days) == var.soft_delete_days), false)
    error_message = "soft_delete_days is 0 or a whole number from 7 to 90: that is what Cloud Storage takes."
  }
}

variable "purge_old_alerts" {
  description = "Delete alerts when they are older than `maximum_alert_age`. For simulated alerts only: what was published to the community is kept."
  type        = bool
  default     = false
}

variable "maximum_alert_age" {
  description = "Age in days at which alerts are deleted, if `purge_old_alerts`."
  type        = number
  default     = 28

  validation {
    condition     = var.maximum_alert_age >= 1 && floor(var.maximum_alert_age) == var.maximum_alert_age
    error_message = "maximum_alert_age is a whole number of days, at least 1."
  }
}

variable "purge_prefixes" {
  description = "Prefixes that the purge is limited to; none: the whole bucket. A bucket that also holds dead letters (`dead-letters/`, `dead-letters-redriven/`) needs the prefixes of all layouts and of the index: `[\"v1/alerts/\", \"/v1/alerts/\", \"/alert_archive/v1/alerts/\", \"v2/alerts/\", \"v3/alerts/\", \"index/v1/\"]`."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.purge_prefixes) <= 50 && !contains(var.purge_prefixes, "")
    error_message = "purge_prefixes are at most 50 names' beginnings, none of them empty."
  }
}

variable "noncurrent_days" {
  description = "Days after which deleted versions of alerts are freed, if `purge_old_alerts`."
  type        = number
  default     = 7

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days is a whole number of days, at least 1."
  }
}

variable "retention_days" {
  description = "Days for which no object, alert or schema, can be deleted or replaced by anybody; null: none. Ten years, the survey's length: 3653."
  type        = number
  default     = null

  validation {
    condition     = var.retention_days == null || try(var.retention_days >= 1 && var.retention_days <= 36500 && floor(var.retention_days) == var.retention_days, false)
    error_message = "retention_days is a whole number from 1 to 36500 (a hundred years, Cloud Storage's limit)."
  }
}

variable "retention_locked" {
  description = "Lock the retention period. IRREVERSIBLE: from then on it can be made longer, never shorter, and the buckets cannot be removed until their youngest object has reached it."
  type        = bool
  default     = false
}

variable "storage_class" {
  description = "Storage class of new objects."
  type        = string
  default     = "STANDARD"

  validation {
    condition     = contains(["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"], var.storage_class)
    error_message = "storage_class is STANDARD, NEARLINE, COLDLINE or ARCHIVE."
  }
}

variable "storage_class_rules" {
  description = "Move alerts to a colder class at an age in days. Each move is an operation that is paid for per object, and alerts are many and small; reading from a colder class costs too. Autoclass is no alternative: it leaves objects below 128 KiB where they are, and a compressed alert has about half of that."
  type = list(object({
    age_days      = number
    storage_class = string
  }))
  default = []

  validation {
    condition     = alltrue([for rule in var.storage_class_rules : contains(["NEARLINE", "COLDLINE", "ARCHIVE"], rule.storage_class) && rule.age_days >= 1 && floor(rule.age_days) == rule.age_days])
    error_message = "A rule of storage_class_rules has a storage_class of NEARLINE, COLDLINE or ARCHIVE and an age_days of at least 1."
  }

  # Cloud Storage never moves an object to a warmer class: a rule out of order would do nothing.
  validation {
    condition = alltrue([
      for i, rule in var.storage_class_rules : i == 0 || try(
        rule.age_days > var.storage_class_rules[max(i - 1, 0)].age_days &&
        index(["NEARLINE", "COLDLINE", "ARCHIVE"], rule.storage_class) > index(["NEARLINE", "COLDLINE", "ARCHIVE"], var.storage_class_rules[max(i - 1, 0)].storage_class),
        false
      )
    ])
    error_message = "storage_class_rules go from young to old and from NEARLINE over COLDLINE to ARCHIVE."
  }
}

variable "extra_readers" {
  description = "Who else may read both buckets: `group:...`, `user:...`, `serviceAccount:...`."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.extra_readers : can(regex("^(group|user|serviceAccount|domain):.+", member))])
    error_message = "extra_readers are written group:..., user:..., serviceAccount:... or domain:...; the archive is never public."
  }
}

variable "writer_account_id" {
  description = "Google service account of the ingester, its part before the @."
  type        = string
  default     = "alertdb-writer"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.writer_account_id))
    error_message = "writer_account_id has 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "reader_account_id" {
  description = "Google service account of the server, its part before the @."
  type        = string
  default     = "alertdb-reader"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.reader_account_id))
    error_message = "reader_account_id has 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "indexer_account_id" {
  description = "Google service account of the indexer, its part before the @."
  type        = string
  default     = "alertdb-indexer"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.indexer_account_id))
    error_message = "indexer_account_id has 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "workload_identity_pool" {
  description = "Workload identity pool of the cluster; default that of `project_id`. Give it where the cluster is in another project, or to have the bindings wait for a cluster that is made in the same run: without any cluster the pool does not exist and they are refused."
  type        = string
  default     = null

  validation {
    condition     = var.workload_identity_pool == null || try(can(regex("^[a-z][a-z0-9-]+\\.svc\\.id\\.goog$", var.workload_identity_pool)), false)
    error_message = "workload_identity_pool is written PROJECT.svc.id.goog."
  }
}

variable "writer_k8s_namespace" {
  description = "Kubernetes namespace of the ingester."
  type        = string
  default     = "alert-stream-broker"
}

variable "writer_k8s_serviceaccount_name" {
  description = "Kubernetes service account of the ingester (`ingester.serviceAccountName` of the chart alert-database)."
  type        = string
  default     = "alert-database-ingester"
}

variable "reader_k8s_namespace" {
  description = "Kubernetes namespace of the server."
  type        = string
  default     = "alert-stream-broker"
}

variable "reader_k8s_serviceaccount_name" {
  description = "Kubernetes service account of the server (`server.serviceAccountName` of the chart alert-database)."
  type        = string
  default     = "alert-database-server"
}

variable "indexer_k8s_namespace" {
  description = "Kubernetes namespace of the indexer."
  type        = string
  default     = "alert-stream-broker"
}

variable "indexer_k8s_serviceaccount_name" {
  description = "Kubernetes service account of indexer and compaction (`indexer.serviceAccountName` of the chart alert-database)."
  type        = string
  default     = "alert-database-indexer"
}
