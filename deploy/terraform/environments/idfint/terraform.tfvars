# No secrets here: there are none in any of this.
project_id  = "science-platform-int-dc5d"
environment = "idfint"
region      = "us-central1"

cluster_name     = "science-platform-int"
cluster_location = "us-central1"
zones            = ["us-central1-a", "us-central1-b", "us-central1-c"]

bootstrap_host = "alert-stream-int.lsst.cloud"
broker_host    = "alert-stream-int-broker-%d.lsst.cloud"

# As Google gave them on 2021-12-02 (DMTN-210 3.2.1.1); reserving them keeps them. For another project leave both out: it gets new ones.
bootstrap_address = "35.188.169.31"
broker_addresses  = ["35.239.64.164", "34.122.165.155", "35.238.120.127"]

maximum_alert_age = 28

labels = {
  application = "alert-stream"
}
