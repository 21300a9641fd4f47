terraform {
  # 1.8: mock providers with defaults, in tofu and terraform alike.
  required_version = ">= 1.8"

  required_providers {
    google = {
      source = "hashicorp/google"
      # Checked against the schemas of 6.50 and 8.7.
      version = ">= 6.50, < 9.0"
    }
  }
}
