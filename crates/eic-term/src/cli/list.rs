//! `eic-term list [FILTER]`

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use eic_auth::{Addresses, Endpoint, EndpointQuery, Instance, InstanceState, choose_endpoint};
use eic_term::{ConnectionType, Route, choose_route, terminal, visible};
use serde::Serialize;

use super::args::{Common, List};
use super::report::Failure;
use super::settings::Settings;
use super::ui::Ui;

/// One instance as shown.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    name: Option<String>,
    state: String,
    availability_zone: Option<String>,
    public_ipv4: Option<String>,
    private_ipv4: Option<String>,
    ipv6: Option<String>,
    /// `direct`, `eice`, or null where it cannot be reached.
    connection_type: Option<&'static str>,
    endpoint_id: Option<String>,
    /// The same in words.
    reached: String,
}

pub(crate) async fn run(common: &Common, args: &List, ui: &Ui) -> Result<ExitCode, Failure> {
    let settings = Settings::load(common, args.filter.as_ref())?;
    let api = settings.api().await?;
    let selector = args.filter.as_ref().map(|target| &target.selector);
    let query = EndpointQuery::default();
    let (instances, endpoints) =
        tokio::join!(api.list_instances(selector), api.list_endpoints(&query));
    let instances = instances.map_err(eic_term::Error::from)?;
    // Who may not see endpoints still gets the list.
    let endpoints = endpoints.map_err(|error| error.to_string());
    let wanted = settings.options.connection_type;
    let rows: Vec<_> = instances
        .iter()
        .map(|instance| Row::new(instance, &endpoints, wanted))
        .collect();
    if args.json {
        let json = serde_json::to_string_pretty(&rows);
        ui.result(&json.map_err(|source| Failure::new("cannot write JSON", source))?)?;
    } else if rows.is_empty() {
        ui.notice("no instances");
    } else {
        ui.result(&table(&rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Row {
    fn new(
        one: &Instance,
        endpoints: &Result<Vec<Endpoint>, String>,
        want: ConnectionType,
    ) -> Self {
        let (connection_type, endpoint_id, reached) = reach(one, endpoints, want);
        let Addresses {
            public_ipv4,
            private_ipv4,
            ipv6,
            ..
        } = &one.addresses;
        Self {
            id: one.id.to_string(),
            name: one.name.clone(),
            state: one.state.to_string(),
            availability_zone: one.availability_zone.clone(),
            public_ipv4: public_ipv4.map(|address| address.to_string()),
            private_ipv4: private_ipv4.map(|address| address.to_string()),
            ipv6: ipv6.map(|address| address.to_string()),
            connection_type,
            endpoint_id,
            reached,
        }
    }

    fn cells(&self) -> [String; 6] {
        let text = |text: &Option<String>| visible(text.as_deref().unwrap_or("-"));
        let addresses = [&self.public_ipv4, &self.private_ipv4, &self.ipv6];
        let addresses: Vec<_> = addresses.into_iter().flatten().cloned().collect();
        [
            self.id.clone(),
            text(&self.name),
            visible(&self.state),
            text(&self.availability_zone),
            addresses.join("\n"),
            visible(&self.reached),
        ]
    }
}

/// How an instance would be reached: the connection type, the endpoint, and both in words.
fn reach(
    instance: &Instance,
    endpoints: &Result<Vec<Endpoint>, String>,
    wanted: ConnectionType,
) -> (Option<&'static str>, Option<String>, String) {
    if !matches!(instance.state, InstanceState::Running) {
        return (None, None, format!("not while {}", instance.state));
    }
    match choose_route(wanted, &instance.addresses, None) {
        None => (None, None, "no address".to_owned()),
        Some(Route::Direct(_)) => (Some("direct"), None, "directly".to_owned()),
        Some(Route::Endpoint(_)) => match endpoints {
            Err(error) => (Some("eice"), None, format!("endpoint unknown: {error}")),
            Ok(endpoints) => through(instance, endpoints),
        },
    }
}

fn through(
    instance: &Instance,
    endpoints: &[Endpoint],
) -> (Option<&'static str>, Option<String>, String) {
    let subnet = instance.subnet_id.as_deref();
    let vpc = instance.vpc_id.as_deref();
    match vpc.and_then(|vpc| choose_endpoint(endpoints, vpc, subnet)) {
        Some(endpoint) => (
            Some("eice"),
            Some(endpoint.id.clone()),
            "through an endpoint".to_owned(),
        ),
        None => (None, None, "no endpoint in its VPC".to_owned()),
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "NAME", "STATE", "ZONE", "ADDRESSES", "REACHED"]);
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(terminal::size().columns);
    }
    for row in rows {
        table.add_row(row.cells());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    // Where room is scarce the last column wraps: the others are there to be copied.
    for column in table.column_iter_mut().take(5) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}
