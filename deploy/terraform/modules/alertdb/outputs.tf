output "alert_bucket" {
  description = "Name of the bucket of alert packets."
  value       = google_storage_bucket.packets.name
}

output "schema_bucket" {
  description = "Name of the bucket of schemas."
  value       = google_storage_bucket.schemas.name
}

output "writer_email" {
  description = "Google service account that writes."
  value       = google_service_account.writer.email
}

output "reader_email" {
  description = "Google service account that reads."
  value       = google_service_account.reader.email
}

output "indexer_email" {
  description = "Google service account that writes the index."
  value       = google_service_account.indexer.email
}

output "kubernetes_service_accounts" {
  description = "The Kubernetes service accounts that act as the three, NAMESPACE/NAME."
  value = {
    writer  = "${var.writer_k8s_namespace}/${var.writer_k8s_serviceaccount_name}"
    reader  = "${var.reader_k8s_namespace}/${var.reader_k8s_serviceaccount_name}"
    indexer = "${var.indexer_k8s_namespace}/${var.indexer_k8s_serviceaccount_name}"
  }
}

output "alerts_kept" {
  description = "What becomes of alerts: days after which they are purged, days for which nobody can delete them, days for which deleted ones can be restored; null: never, none."
  value = {
    purged_after_days = var.purge_old_alerts ? var.maximum_alert_age : null
    retained_days     = var.retention_days
    restorable_days   = local.soft_delete_seconds.packets / local.day
  }
}

output "helm_values" {
  description = "Values of the chart alert-database."
  value = {
    storage = {
      gcp = {
        project      = var.project_id
        alertBucket  = google_storage_bucket.packets.name
        schemaBucket = google_storage_bucket.schemas.name
      }
    }
    ingester = {
      serviceAccountName = var.writer_k8s_serviceaccount_name
      gcp                = { serviceAccountName = var.writer_account_id, projectID = var.project_id }
    }
    server = {
      serviceAccountName = var.reader_k8s_serviceaccount_name
      gcp                = { serviceAccountName = var.reader_account_id, projectID = var.project_id }
    }
    indexer = {
      serviceAccountName = var.indexer_k8s_serviceaccount_name
      gcp                = { serviceAccountName = var.indexer_account_id, projectID = var.project_id }
    }
  }
}
