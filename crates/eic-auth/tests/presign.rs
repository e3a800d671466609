//! Our signed URLs beside botocore's (vectors/make.py makes them).

#![cfg(test)]

use std::time::{Duration, SystemTime};

use eic_auth::{Credentials, TunnelRequest, presign};
use serde_json::Value;

fn text(vector: &Value, field: &str) -> String {
    vector[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {vector}"))
        .to_owned()
}

fn signed(vector: &Value) -> String {
    let request = TunnelRequest {
        endpoint_id: text(vector, "endpoint_id"),
        host: text(vector, "host"),
        address: text(vector, "address").parse().unwrap(),
        port: vector["port"].as_u64().unwrap().try_into().unwrap(),
        max_duration: vector["max_duration"].as_u64().map(Duration::from_secs),
    };
    let credentials = Credentials::new(
        text(vector, "access_key_id"),
        text(vector, "secret_access_key"),
        vector["session_token"].as_str().map(str::to_owned),
    );
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(vector["time"].as_u64().unwrap());
    let url = presign(&request, &credentials, &text(vector, "region"), time).unwrap();
    url.as_str().to_owned()
}

#[test]
fn every_url_is_botocores_character_for_character() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/presign.json")).unwrap();
    assert_eq!(vectors.len(), 13);
    for vector in &vectors {
        assert_eq!(signed(vector), text(vector, "url"), "{}", vector["name"]);
    }
}

#[test]
fn what_is_no_host_is_not_signed() {
    for host in ["", "a/b", "a?b", "a#b", "user@a", "a b", ":443", "a\r\nb"] {
        let request = TunnelRequest {
            endpoint_id: "eice-1".to_owned(),
            host: host.to_owned(),
            address: [10, 0, 0, 7].into(),
            port: 22,
            max_duration: None,
        };
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None);
        let outcome = presign(&request, &credentials, "eu-west-1", SystemTime::now());
        assert!(
            matches!(outcome, Err(eic_auth::Error::Presign { .. })),
            "{host:?}"
        );
    }
}
