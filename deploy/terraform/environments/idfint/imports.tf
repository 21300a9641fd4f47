# Imports what exists already, as after the deployment of 2022. `adopt` selects the objects; the README says how to review the plan.

import {
  for_each = setintersection(var.adopt, ["writer"])
  to       = module.alertdb.google_service_account.writer
  id       = "projects/${var.project_id}/serviceAccounts/alertdb-writer@${var.project_id}.iam.gserviceaccount.com"
}

import {
  for_each = setintersection(var.adopt, ["reader"])
  to       = module.alertdb.google_service_account.reader
  id       = "projects/${var.project_id}/serviceAccounts/alertdb-reader@${var.project_id}.iam.gserviceaccount.com"
}

import {
  for_each = setintersection(var.adopt, ["kafka_node_pool"])
  to       = module.kafka_node_pool.google_container_node_pool.kafka
  id       = "${var.project_id}/${var.cluster_location}/${var.cluster_name}/kafka-pool"
}

import {
  for_each = setintersection(var.adopt, ["packets"])
  to       = module.alertdb.google_storage_bucket.packets
  id       = "${var.project_id}/${var.bucket_names.packets}"
}

import {
  for_each = setintersection(var.adopt, ["schemas"])
  to       = module.alertdb.google_storage_bucket.schemas
  id       = "${var.project_id}/${var.bucket_names.schemas}"
}
