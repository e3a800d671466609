//! The usual AWS places: a process of its own for each environment.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use eic_auth::{Api, ApiConfig, EphemeralKey, InstanceId, OsUser};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::aws::{Answer, Aws, converse};
use super::server::{Authority, Server, read_head};

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];
const REGION: (&str, &str) = ("AWS_REGION", "us-east-1");

/// Runs [`child`] with an environment and tells what it printed.
async fn child_says(home: &Path, environment: &[(&str, &str)]) -> String {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "environment::child", "--ignored", "--nocapture"]);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("AWS_") || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(&*name);
        }
    }
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HOME", home)
        .env("USERPROFILE", home);
    command
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.lines().find_map(|line| line.split("child: ").nth(1));
    said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
        .to_owned()
}

/// What runs in the environment: loads the settings and makes a call of each API.
#[tokio::test]
#[ignore = "only in an environment made for it"]
async fn child() {
    let said = match Api::load(ApiConfig::default()).await {
        Ok(api) => call_each(&api).await,
        Err(error) => chain(&error),
    };
    println!("\nchild: {said}");
}

async fn call_each(api: &Api) -> String {
    let key = EphemeralKey::generate().unwrap();
    let id = InstanceId::new("i-0123456789abcdef0").unwrap();
    let pushed = api
        .send_ssh_public_key(&id, &OsUser::default(), key.public_key())
        .await;
    let pushed = pushed.map_or_else(|error| chain(&error), |()| "pushed".to_owned());
    #[cfg(feature = "ec2")]
    let listed = api
        .list_instances(None)
        .await
        .map_or_else(|error| chain(&error), |_| "listed".to_owned());
    #[cfg(not(feature = "ec2"))]
    let listed = "listed";
    format!(
        "{} fips={} dualstack={} | {pushed} | {listed}",
        api.region(),
        api.use_fips(),
        api.use_dual_stack()
    )
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let chain = causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    chain.replace('\n', ";")
}

fn good(call: &super::aws::Call, _: usize) -> Answer {
    match call.head.contains("AWSEC2InstanceConnectService") {
        true => Answer(200, r#"{"RequestId":"r","Success":true}"#.to_owned()),
        false => Answer::xml("<reservationSet/>"),
    }
}

#[tokio::test]
async fn a_bundle_and_an_endpoint_url() {
    let home = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let calls = Arc::<Mutex<Vec<super::aws::Call>>>::default();
    let kept = Arc::clone(&calls);
    let server = authority
        .serve(move |stream| converse(stream, Arc::clone(&kept), good))
        .await;
    let url = format!("https://localhost:{}", server.address.port());
    let bundle = authority.bundle().to_str().unwrap().to_owned();
    // The proxy is not there: localhost must go without it.
    let environment = [
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("NO_PROXY", "*.example, localhost"),
        KEYS[0],
        KEYS[1],
        REGION,
        ("AWS_ENDPOINT_URL", &url),
        ("AWS_CA_BUNDLE", &bundle),
    ];
    let said = child_says(home.path(), &environment).await;
    assert_eq!(
        said,
        "us-east-1 fips=false dualstack=false | pushed | listed"
    );
}

#[tokio::test]
async fn an_endpoint_url_for_each_service() {
    let home = tempfile::tempdir().unwrap();
    let (ec2, eic) = (Aws::answering(good).await, Aws::answering(good).await);
    let (ec2_url, eic_url) = (ec2.url(), eic.url());
    let urls = [
        ("AWS_ENDPOINT_URL_EC2", &*ec2_url),
        ("AWS_ENDPOINT_URL_EC2_INSTANCE_CONNECT", &*eic_url),
    ];
    let said = child_says(home.path(), &[KEYS[0], KEYS[1], REGION, urls[0], urls[1]]).await;
    assert_eq!(
        said,
        "us-east-1 fips=false dualstack=false | pushed | listed"
    );
    assert_eq!(eic.calls().len(), 1);
    assert_eq!(ec2.calls().len(), usize::from(cfg!(feature = "ec2")));
}

/// The proxy sees which hosts are asked for.
async fn hosts_asked_for(environment: &[(&str, &str)]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let (heads, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let proxy = Server::tcp(move |mut stream: TcpStream| {
        let heads = heads.clone();
        async move {
            let head = read_head(&mut stream).await.unwrap_or_default();
            let credentials = "\r\nproxy-authorization: basic dxnlcjpwyxnzihdvcmq=\r\n";
            assert!(head.to_ascii_lowercase().contains(credentials), "{head}");
            heads
                .send(head.lines().next().unwrap_or_default().to_owned())
                .unwrap();
            let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(refusal).await.unwrap();
        }
    })
    .await;
    let url = format!("http://user:pass%20word@{}", proxy.address);
    let environment: Vec<_> = environment
        .iter()
        .copied()
        .chain([("HTTPS_PROXY", &*url)])
        .collect();
    child_says(home.path(), &environment).await;
    drop(proxy);
    let mut hosts = Vec::new();
    while let Some(line) = seen.recv().await {
        hosts.push(
            line.strip_prefix("CONNECT ")
                .unwrap()
                .strip_suffix(":443 HTTP/1.1")
                .unwrap()
                .to_owned(),
        );
    }
    hosts.dedup();
    hosts
}

#[tokio::test]
async fn fips_and_dual_stack_hosts_through_a_proxy() {
    for (setting, eic, ec2) in [
        (
            ("X", ""),
            "ec2-instance-connect.us-east-1.amazonaws.com",
            "ec2.us-east-1.amazonaws.com",
        ),
        (
            ("AWS_USE_FIPS_ENDPOINT", "true"),
            "ec2-instance-connect-fips.us-east-1.amazonaws.com",
            "ec2-fips.us-east-1.amazonaws.com",
        ),
        (
            ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
            "ec2-instance-connect.us-east-1.api.aws",
            "ec2.us-east-1.api.aws",
        ),
    ] {
        let one_attempt = ("AWS_MAX_ATTEMPTS", "1");
        let hosts = hosts_asked_for(&[KEYS[0], KEYS[1], REGION, one_attempt, setting]).await;
        let expected = if cfg!(feature = "ec2") {
            vec![eic, ec2]
        } else {
            vec![eic]
        };
        assert_eq!(hosts, expected, "{setting:?}");
    }
}

#[tokio::test]
async fn a_profile() {
    let home = tempfile::tempdir().unwrap();
    let aws = Aws::answering(good).await;
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let config = format!(
        "[profile work]\nregion = eu-central-1\nuse_fips_endpoint = false\nendpoint_url = {}\n\
         aws_access_key_id = AKIDPROFILE\naws_secret_access_key = s\n",
        aws.url()
    );
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let said = child_says(home.path(), &[("AWS_PROFILE", "work")]).await;
    assert_eq!(
        said,
        "eu-central-1 fips=false dualstack=false | pushed | listed"
    );
    assert!(
        aws.calls()[0].head.contains("Credential=AKIDPROFILE/"),
        "{}",
        aws.calls()[0].head
    );

    let said = child_says(home.path(), &[("AWS_PROFILE", "wrok")]).await;
    assert!(
        said.starts_with("no AWS credentials found") && said.contains("wrok"),
        "{said}"
    );
}

#[tokio::test]
async fn an_sso_session_that_has_expired() {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    let config = "[sso-session corp]\nsso_start_url = https://corp.awsapps.example/start\nsso_region = us-east-1\n\
        [default]\nregion = us-east-1\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev\n";
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let token = r#"{"startUrl":"https://corp.awsapps.example/start","region":"us-east-1",
        "accessToken":"x","expiresAt":"2020-01-01T00:00:00Z"}"#;
    // The file's name is the SHA-1 of the session's.
    std::fs::write(
        cache.join("ee0bfd2552fbd840c02cc48b6e823320543c450f.json"),
        token,
    )
    .unwrap();
    let said = child_says(home.path(), &[]).await;
    assert!(said.contains("the AWS credentials have expired"), "{said}");
}

#[tokio::test]
async fn nothing_at_all() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(
        child_says(home.path(), &KEYS).await,
        "no AWS region is configured"
    );
    let said = child_says(home.path(), &[REGION]).await;
    assert!(said.contains("| no AWS credentials found: "), "{said}");
    let bundle = ("AWS_CA_BUNDLE", "/no/such/bundle.pem");
    let said = child_says(home.path(), &[KEYS[0], KEYS[1], REGION, bundle]).await;
    assert!(
        said.starts_with("cannot use the CA bundle /no/such/bundle.pem: "),
        "{said}"
    );
    let proxy = ("HTTPS_PROXY", "socks5://me:secret@proxy:1080");
    let said = child_says(home.path(), &[KEYS[0], KEYS[1], REGION, proxy]).await;
    assert!(
        said.starts_with("cannot use the proxy's URL") && !said.contains("secret"),
        "{said}"
    );
}
