# Who may touch the buckets. Roles are given on the buckets, never on the project, and by bindings: a member that was added by hand to one of
# these roles is removed by the next apply.

resource "google_service_account" "writer" {
  project      = var.project_id
  account_id   = var.writer_account_id
  display_name = "Alert database writer (${var.environment})"
  description  = "Writes alerts and schemas: the ingester."
}

resource "google_service_account" "reader" {
  project      = var.project_id
  account_id   = var.reader_account_id
  display_name = "Alert database reader (${var.environment})"
  description  = "Reads alerts and schemas: the server."
}

resource "google_service_account" "indexer" {
  project      = var.project_id
  account_id   = var.indexer_account_id
  display_name = "Alert database indexer (${var.environment})"
  description  = "Reads alerts and schemas, and writes the index: the indexer and the compaction."
}

locals {
  buckets = {
    packets = google_storage_bucket.packets.name
    schemas = google_storage_bucket.schemas.name
  }
  writer  = "serviceAccount:${google_service_account.writer.email}"
  reader  = "serviceAccount:${google_service_account.reader.email}"
  indexer = "serviceAccount:${google_service_account.indexer.email}"
  pool    = coalesce(var.workload_identity_pool, "${var.project_id}.svc.id.goog")
}

# The ingester creates objects under names that are free, reads what stands in the way of one (is it the same alert?), and lists one name to find
# out whether it may use the bucket. It never replaces or deletes, so it gets no role that can: what is archived is safe from it, and from whoever
# takes it over. Cloud Storage may answer an upload under a name that is taken by the lack of a right to replace; the program takes that as what it
# means. (objectAdmin, as it was in 2022, could also delete every alert.)
resource "google_storage_bucket_iam_binding" "creators" {
  for_each = local.buckets

  bucket  = each.value
  role    = "roles/storage.objectCreator"
  members = [local.writer]
}

resource "google_storage_bucket_iam_binding" "viewers" {
  for_each = local.buckets

  bucket  = each.value
  role    = "roles/storage.objectViewer"
  members = concat([local.writer, local.reader, local.indexer], var.extra_readers)
}

# The index is in the bucket of packets, under index/, so it is deleted at the same age as the alerts. The indexer creates objects there only. It lists
# and reads the whole bucket, because `index --rebuild` reads alerts.
resource "google_storage_bucket_iam_binding" "index_creators" {
  bucket  = google_storage_bucket.packets.name
  role    = "roles/storage.objectCreator"
  members = [local.indexer]

  condition {
    title      = "index"
    expression = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.packets.name}/objects/index/\")"
  }
}

# Workload Identity: the pods' Kubernetes service accounts act as these, so there are no keys to keep, leak or rotate.
resource "google_service_account_iam_binding" "writer_workload_identity" {
  service_account_id = google_service_account.writer.name
  role               = "roles/iam.workloadIdentityUser"
  members            = ["serviceAccount:${local.pool}[${var.writer_k8s_namespace}/${var.writer_k8s_serviceaccount_name}]"]
}

resource "google_service_account_iam_binding" "reader_workload_identity" {
  service_account_id = google_service_account.reader.name
  role               = "roles/iam.workloadIdentityUser"
  members            = ["serviceAccount:${local.pool}[${var.reader_k8s_namespace}/${var.reader_k8s_serviceaccount_name}]"]
}

resource "google_service_account_iam_binding" "indexer_workload_identity" {
  service_account_id = google_service_account.indexer.name
  role               = "roles/iam.workloadIdentityUser"
  members            = ["serviceAccount:${local.pool}[${var.indexer_k8s_namespace}/${var.indexer_k8s_serviceaccount_name}]"]
}
