//! The calls against moto, an emulator of AWS that is not ours (<https://docs.getmoto.org>).

#![cfg(test)]
#![cfg(feature = "ec2")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use eic_auth::{
    Api, ApiConfig, Credentials, EndpointQuery, EphemeralKey, Error, InstanceState, OsUser, Proxy,
    Selector,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// moto's server, ended when dropped.
struct Moto {
    address: String,
    _process: Child,
}

impl Moto {
    /// Starts it on a port of the system's choosing; nothing if it is not installed.
    async fn start() -> Option<Self> {
        let program = find("moto_server")?;
        let mut command = Command::new(program);
        command
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut process = command
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = timeout(Duration::from_secs(60), async {
            loop {
                let line = lines.next_line().await.unwrap().expect("moto ended");
                if let Some((_, address)) = line.split_once("Running on http://") {
                    return address.trim().to_owned();
                }
            }
        });
        let address = address.await.unwrap();
        // What it logs must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self {
            address,
            _process: process,
        })
    }

    async fn api(&self) -> Api {
        let config = ApiConfig::default()
            .region("us-east-1")
            .endpoint_url(format!("http://{}", self.address))
            .credentials(Credentials::new("AKIDEXAMPLE", "secret", None))
            .proxy(Proxy::none());
        Api::load(config).await.unwrap()
    }

    /// Makes a call of the EC2 query protocol that the library has no need of.
    async fn query(&self, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let scope = "Credential=AKIDEXAMPLE/20260101/us-east-1/ec2/aws4_request";
        let request = format!(
            "POST / HTTP/1.1\r\nHost: ec2.us-east-1.amazonaws.com\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    /// Starts an instance and tells its id.
    async fn run(&self, name: &str) -> String {
        let answer = self
            .query(&format!(
                "Action=RunInstances&Version=2016-11-15&ImageId=ami-12c6146b&MinCount=1&MaxCount=1\
                 &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name\
                 &TagSpecification.1.Tag.1.Value={name}"
            ))
            .await;
        let id = answer
            .split("<instanceId>")
            .nth(1)
            .unwrap()
            .split('<')
            .next()
            .unwrap();
        id.to_owned()
    }
}

/// A program, where the tests' own Python packages are or on the search path. A missing one is said, and
/// fails the test where `EIC_TERM_PEERS` is `required`.
fn find(program: &str) -> Option<PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = [peers].into_iter().chain(std::env::split_paths(&path));
    let found = folders.find_map(|folder| Some(folder.join(program)).filter(|path| path.is_file()));
    if found.is_none() {
        println!("SKIPPED: {program} is not installed");
        let required = std::env::var("EIC_TERM_PEERS").is_ok_and(|value| value == "required");
        assert!(
            !required,
            "{program} is not installed, and EIC_TERM_PEERS=required"
        );
    }
    found
}

fn selector(text: &str) -> Selector {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_calls_work_against_moto() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let (web, gone) = (moto.run("web-1").await, moto.run("web-1").await);
    moto.query(&format!(
        "Action=TerminateInstances&Version=2016-11-15&InstanceId.1={gone}"
    ))
    .await;
    let api = moto.api().await;

    let found = api.find_instance(&selector("web-1")).await.unwrap();
    assert_eq!(
        (found.id.as_str(), found.state.clone()),
        (web.as_str(), InstanceState::Running)
    );
    assert!(
        found.vpc_id.is_some() && found.subnet_id.is_some(),
        "{found:?}"
    );
    assert_eq!(api.find_instance(&selector(&web)).await.unwrap(), found);
    let addresses = &found.addresses;
    for text in [
        addresses.private_ipv4.unwrap().to_string(),
        addresses.public_ipv4.unwrap().to_string(),
        addresses.private_dns_name.clone().unwrap(),
        addresses.public_dns_name.clone().unwrap(),
        "tag:Name=web-*".to_owned(),
    ] {
        assert_eq!(
            api.find_instance(&selector(&text)).await.unwrap().id,
            found.id,
            "{text}"
        );
    }
    for unknown in ["web-2", "192.0.2.1", "i-0123456789abcdef0"] {
        let error = api.find_instance(&selector(unknown)).await.unwrap_err();
        assert!(
            matches!(error, Error::InstanceNotFound { .. }),
            "{unknown}: {error:?}"
        );
    }
    let error = api.find_instance(&selector(&gone)).await.unwrap_err();
    assert!(matches!(error, Error::InstanceGone { .. }), "{error:?}");

    moto.run("web-1").await;
    let error = api.find_instance(&selector("web-1")).await.unwrap_err();
    assert!(
        matches!(&error, Error::Ambiguous { matches, .. } if matches.len() == 2),
        "{error:?}"
    );
    assert_eq!(api.list_instances(None).await.unwrap().len(), 2);

    let key = EphemeralKey::generate().unwrap();
    api.send_ssh_public_key(&found.id, &OsUser::default(), key.public_key())
        .await
        .unwrap();
    assert!(api.console_output(&found.id, false).await.is_ok());
    // moto knows no endpoints: an error, but one of ours.
    let error = api
        .list_endpoints(&EndpointQuery::default())
        .await
        .unwrap_err();
    println!("endpoints: {error}");
}

#[tokio::test]
async fn more_instances_than_a_page_holds() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let answer = moto
        .query(
            "Action=RunInstances&Version=2016-11-15&ImageId=ami-12c6146b&MinCount=30&MaxCount=30",
        )
        .await;
    assert_eq!(answer.matches("<instanceId>").count(), 30);
    assert_eq!(
        moto.api().await.list_instances(None).await.unwrap().len(),
        30
    );
}
