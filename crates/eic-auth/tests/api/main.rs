//! The API calls against a pretended AWS on loopback.

#![cfg(test)]

mod aws;
mod ec2;
mod environment;
mod failures;
#[path = "../support/server.rs"]
mod server;

use eic_auth::{Api, ApiConfig, Credentials, Proxy};

/// A configuration that takes nothing from this machine's environment.
fn config(url: &str) -> ApiConfig {
    ApiConfig::default()
        .region("eu-west-1")
        .endpoint_url(url)
        .credentials(Credentials::new("AKIDEXAMPLE", "secret", None))
        .proxy(Proxy::none())
}

async fn api(aws: &aws::Aws) -> Api {
    Api::load(config(&aws.url())).await.unwrap()
}
