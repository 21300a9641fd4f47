# The committed variables make what DMTN-210 describes. `tofu test` reads terraform.tfvars.

mock_provider "google" {}

run "as_dmtn_210_has_it" {
  command = plan

  assert {
    condition = yamldecode(output.helm_values)["alert-stream-broker"] == {
      externalListener = {
        bootstrap = { host = "alert-stream-int.lsst.cloud", ip = "35.188.169.31" }
        brokers = [
          { host = "alert-stream-int-broker-0.lsst.cloud", ip = "35.239.64.164" },
          { host = "alert-stream-int-broker-1.lsst.cloud", ip = "34.122.165.155" },
          { host = "alert-stream-int-broker-2.lsst.cloud", ip = "35.238.120.127" },
        ]
      }
    }
    error_message = "host names and addresses of 3.2.1.1: ${output.helm_values}"
  }
  assert {
    condition     = startswith(output.buckets.alerts, "rubin-alertdb-idfint-") && startswith(output.buckets.schemas, "rubin-alertdb-idfint-")
    error_message = "buckets of 3.6.2"
  }
  assert {
    condition     = output.kubernetes_service_accounts == { writer = "alert-stream-broker/alert-database-ingester", reader = "alert-stream-broker/alert-database-server", indexer = "alert-stream-broker/alert-database-indexer" }
    error_message = "namespace of 5.1, service accounts of the charts"
  }
  assert {
    condition     = output.kafka_nodes == { key = "kafka", value = "ok", effect = "NoSchedule" }
    error_message = "label and taint of 3.2.1.4"
  }
  assert {
    condition     = jsonencode(output.alerts_kept) == jsonencode({ purged_after_days = 28, retained_days = null, restorable_days = 0 })
    error_message = "simulated alerts are purged after four weeks, and not paid for any longer"
  }
  assert {
    condition     = module.kafka_node_pool.brokers == var.brokers
    error_message = "a node for each broker"
  }
}

run "values_of_the_environment" {
  command = plan

  assert {
    condition = yamldecode(output.helm_values)["alert-database"] == {
      storage  = { gcp = { project = "science-platform-int-dc5d", alertBucket = output.buckets.alerts, schemaBucket = output.buckets.schemas } }
      ingester = { serviceAccountName = "alert-database-ingester", gcp = { serviceAccountName = "alertdb-writer", projectID = "science-platform-int-dc5d" } }
      server   = { serviceAccountName = "alert-database-server", gcp = { serviceAccountName = "alertdb-reader", projectID = "science-platform-int-dc5d" } }
      indexer  = { serviceAccountName = "alert-database-indexer", gcp = { serviceAccountName = "alertdb-indexer", projectID = "science-platform-int-dc5d" } }
    }
    error_message = "values of alert-database: ${output.helm_values}"
  }
}

run "records_to_enter_by_hand" {
  command = plan

  assert {
    condition     = toset([for record in output.dns_records : "${record.name} ${record.type} ${record.value}"]) == toset(["alert-stream-int.lsst.cloud A 35.188.169.31", "alert-stream-int-broker-0.lsst.cloud A 35.239.64.164", "alert-stream-int-broker-1.lsst.cloud A 34.122.165.155", "alert-stream-int-broker-2.lsst.cloud A 35.238.120.127"])
    error_message = "records"
  }
}

run "a_project_of_somebody_else_gets_new_addresses" {
  command = apply
  variables {
    project_id        = "my-own-project"
    environment       = "mine"
    bootstrap_address = null
    broker_addresses  = []
    bucket_name_salt  = "x"
    maximum_alert_age = 2
    brokers           = 1
  }

  assert {
    condition     = yamldecode(output.helm_values)["alert-stream-broker"].externalListener.bootstrap.ip == module.addresses.addresses["bootstrap"] && length(yamldecode(output.helm_values)["alert-stream-broker"].externalListener.brokers) == 1
    error_message = "addresses of the module"
  }
  assert {
    condition     = output.buckets.alerts == "rubin-alertdb-mine-${substr(sha256("my-own-project/mine/x"), 0, 8)}-packets"
    error_message = "buckets of its own: ${output.buckets.alerts}"
  }
}

run "unknown_object_to_adopt" {
  command = plan
  variables {
    adopt = ["addresses"]
  }
  expect_failures = [var.adopt]
}

run "bucket_to_adopt_without_its_name" {
  command = plan
  variables {
    adopt = ["packets"]
  }
  expect_failures = [var.adopt]
}
