terraform {
  required_version = ">= 1.8"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 9.0"
    }
  }

  # The bucket is given when it is set up: tofu init -backend-config=bucket=NAME
  backend "gcs" {
    prefix = "alert-stream/prod"
  }
}

provider "google" {
  project = var.project_id
  region  = var.region
}
