# Who may do what. `creators` and `viewers` are bindings: what is here is all there is.

mock_provider "google" {}

override_resource {
  target = google_service_account.writer
  values = {
    email = "alertdb-writer@alert-stream-test.iam.gserviceaccount.com"
    name  = "projects/alert-stream-test/serviceAccounts/alertdb-writer@alert-stream-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.reader
  values = {
    email = "alertdb-reader@alert-stream-test.iam.gserviceaccount.com"
    name  = "projects/alert-stream-test/serviceAccounts/alertdb-reader@alert-stream-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.indexer
  values = {
    email = "alertdb-indexer@alert-stream-test.iam.gserviceaccount.com"
    name  = "projects/alert-stream-test/serviceAccounts/alertdb-indexer@alert-stream-test.iam.gserviceaccount.com"
  }
}

variables {
  project_id  = "alert-stream-test"
  environment = "test"
}

run "least_roles" {
  command = apply

  assert {
    condition     = toset([for binding in google_storage_bucket_iam_binding.creators : binding.role]) == toset(["roles/storage.objectCreator"])
    error_message = "the writer may create objects, not replace or delete them"
  }
  assert {
    condition     = toset([for binding in google_storage_bucket_iam_binding.viewers : binding.role]) == toset(["roles/storage.objectViewer"])
    error_message = "readers may read and list"
  }
  assert {
    condition     = { for name, binding in google_storage_bucket_iam_binding.creators : binding.bucket => binding.members } == { for bucket in [google_storage_bucket.packets.name, google_storage_bucket.schemas.name] : bucket => toset(["serviceAccount:alertdb-writer@alert-stream-test.iam.gserviceaccount.com"]) }
    error_message = "only the writer creates objects, in both buckets"
  }
  assert {
    condition = { for name, binding in google_storage_bucket_iam_binding.viewers : binding.bucket => binding.members } == { for bucket in [google_storage_bucket.packets.name, google_storage_bucket.schemas.name] : bucket => toset([
      "serviceAccount:alertdb-writer@alert-stream-test.iam.gserviceaccount.com", "serviceAccount:alertdb-reader@alert-stream-test.iam.gserviceaccount.com",
      "serviceAccount:alertdb-indexer@alert-stream-test.iam.gserviceaccount.com"
    ]) }
    error_message = "writer, reader and indexer read both buckets"
  }
  assert {
    condition     = google_storage_bucket_iam_binding.index_creators.role == "roles/storage.objectCreator" && google_storage_bucket_iam_binding.index_creators.bucket == google_storage_bucket.packets.name && google_storage_bucket_iam_binding.index_creators.members == toset(["serviceAccount:alertdb-indexer@alert-stream-test.iam.gserviceaccount.com"])
    error_message = "the indexer creates objects in the bucket of packets"
  }
  assert {
    condition     = google_storage_bucket_iam_binding.index_creators.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.packets.name}/objects/index/\")"
    error_message = "the indexer creates objects of the index only"
  }
}

# In the Terraform of 2022 the ingester's binding was on the reader's account.
run "each_workload_acts_as_its_own_account" {
  command = apply

  assert {
    condition     = google_service_account_iam_binding.writer_workload_identity.service_account_id == google_service_account.writer.name && google_service_account_iam_binding.writer_workload_identity.members == toset(["serviceAccount:alert-stream-test.svc.id.goog[alert-stream-broker/alert-database-ingester]"])
    error_message = "the ingester, and nobody else, acts as the writer"
  }
  assert {
    condition     = google_service_account_iam_binding.reader_workload_identity.service_account_id == google_service_account.reader.name && google_service_account_iam_binding.reader_workload_identity.members == toset(["serviceAccount:alert-stream-test.svc.id.goog[alert-stream-broker/alert-database-server]"])
    error_message = "the server, and nobody else, acts as the reader"
  }
  assert {
    condition     = google_service_account_iam_binding.indexer_workload_identity.service_account_id == google_service_account.indexer.name && google_service_account_iam_binding.indexer_workload_identity.members == toset(["serviceAccount:alert-stream-test.svc.id.goog[alert-stream-broker/alert-database-indexer]"])
    error_message = "indexer and compaction, and nobody else, act as the indexer"
  }
  assert {
    condition     = google_service_account_iam_binding.indexer_workload_identity.role == "roles/iam.workloadIdentityUser" && google_service_account_iam_binding.writer_workload_identity.role == "roles/iam.workloadIdentityUser" && google_service_account_iam_binding.reader_workload_identity.role == "roles/iam.workloadIdentityUser"
    error_message = "by Workload Identity only"
  }
}

run "names_and_pool_can_be_others" {
  command = apply
  variables {
    workload_identity_pool         = "another-project.svc.id.goog"
    writer_account_id              = "archive-writer"
    reader_account_id              = "archive-reader"
    writer_k8s_namespace           = "writers"
    writer_k8s_serviceaccount_name = "ingester"
    reader_k8s_namespace           = "readers"
    reader_k8s_serviceaccount_name = "server"
    extra_readers                  = ["group:alert-science@example.org"]

    indexer_account_id              = "archive-indexer"
    indexer_k8s_namespace           = "indexers"
    indexer_k8s_serviceaccount_name = "indexer"
  }
  assert {
    condition     = google_service_account_iam_binding.writer_workload_identity.members == toset(["serviceAccount:another-project.svc.id.goog[writers/ingester]"])
    error_message = "writer's Kubernetes service account"
  }
  assert {
    condition     = google_service_account_iam_binding.reader_workload_identity.members == toset(["serviceAccount:another-project.svc.id.goog[readers/server]"])
    error_message = "reader's Kubernetes service account"
  }
  assert {
    condition     = google_service_account_iam_binding.indexer_workload_identity.members == toset(["serviceAccount:another-project.svc.id.goog[indexers/indexer]"])
    error_message = "indexer's Kubernetes service account"
  }
  assert {
    condition     = google_service_account.writer.account_id == "archive-writer" && google_service_account.reader.account_id == "archive-reader" && google_service_account.indexer.account_id == "archive-indexer"
    error_message = "account ids"
  }
  assert {
    condition     = alltrue([for binding in google_storage_bucket_iam_binding.viewers : contains(binding.members, "group:alert-science@example.org")])
    error_message = "extra readers read both buckets"
  }
  assert {
    condition     = alltrue([for binding in google_storage_bucket_iam_binding.creators : !contains(binding.members, "group:alert-science@example.org")])
    error_message = "extra readers create nothing"
  }
  assert {
    condition     = output.kubernetes_service_accounts == { writer = "writers/ingester", reader = "readers/server", indexer = "indexers/indexer" }
    error_message = "output kubernetes_service_accounts"
  }
  assert {
    condition     = output.helm_values.ingester == { serviceAccountName = "ingester", gcp = { serviceAccountName = "archive-writer", projectID = "alert-stream-test" } } && output.helm_values.server == { serviceAccountName = "server", gcp = { serviceAccountName = "archive-reader", projectID = "alert-stream-test" } } && output.helm_values.indexer == { serviceAccountName = "indexer", gcp = { serviceAccountName = "archive-indexer", projectID = "alert-stream-test" } }
    error_message = "the chart's values must follow"
  }
}

run "values_for_the_chart" {
  command = apply

  assert {
    condition     = output.helm_values.storage.gcp == { project = "alert-stream-test", alertBucket = google_storage_bucket.packets.name, schemaBucket = google_storage_bucket.schemas.name }
    error_message = "storage.gcp"
  }
  assert {
    condition     = output.alert_bucket == google_storage_bucket.packets.name && output.schema_bucket == google_storage_bucket.schemas.name
    error_message = "bucket outputs"
  }
  assert {
    condition     = jsonencode(output.alerts_kept) == jsonencode({ purged_after_days = null, retained_days = null, restorable_days = 7 })
    error_message = "output alerts_kept"
  }
  assert {
    condition     = output.writer_email == google_service_account.writer.email && output.reader_email == google_service_account.reader.email && output.indexer_email == google_service_account.indexer.email
    error_message = "account outputs"
  }
}
