//! `eic-term list [FILTER]…`

mod columns;
mod row;

use std::collections::HashSet;
use std::process::ExitCode;

use eic_auth::{Api, Endpoint, EndpointQuery, Instance, Selector};
use eic_term::{ConnectionType, Error};
use tokio::sync::mpsc;

use super::args::{Common, List};
use super::report::Failure;
use super::settings::Settings;
use super::ui::Ui;
use columns::Table;
pub(crate) use columns::{Column, Order};
use row::Row;

pub(crate) async fn run(common: &Common, args: &List, ui: &Ui) -> Result<ExitCode, Failure> {
    let settings = Settings::load(common, args.filter.first())?;
    let api = settings.api().await?;
    let selectors: Vec<_> = args.filter.iter().map(|one| one.selector.clone()).collect();
    let (sender, pages) = mpsc::unbounded_channel();
    let found = async {
        let found = find(&api, &selectors, |page| {
            // Who shows them listens to the end.
            sender.send(page).ok();
        });
        let found = found.await.map_err(Error::from);
        drop(sender);
        found
    };
    let shown = async {
        let endpoints = api.list_endpoints(&EndpointQuery::default()).await;
        let wanted = settings.options.connection_type;
        Listing::new(args, endpoints, wanted, ui).show(pages).await
    };
    let (found, shown) = tokio::join!(found, shown);
    found?;
    let (listing, instances) = shown?;
    listing.end()?;
    let endpoints = listing.endpoints.unwrap_or_default();
    if let Some(cache) = settings.cache(common, api.region()) {
        cache.remember(&instances, &endpoints, false);
    }
    Ok(ExitCode::SUCCESS)
}

/// Gives the instances that are meant, those of a whole page at a time where there may be many.
async fn find(
    api: &Api,
    selectors: &[Selector],
    mut page: impl FnMut(Vec<Instance>),
) -> Result<(), eic_auth::Error> {
    match selectors {
        [] => api.each_page(None, page).await,
        [one] if one.is_pattern() => api.each_page(Some(one), page).await,
        [one] => {
            page(api.list_instances(Some(one)).await?);
            Ok(())
        }
        several => {
            let mut found = api.find_instances(several).await?.concat();
            let mut seen = HashSet::new();
            found.retain(|instance| seen.insert(instance.id.clone()));
            page(found);
            Ok(())
        }
    }
}

/// The list, being shown.
struct Listing<'a> {
    args: &'a List,
    /// Who may not see them still gets the list.
    endpoints: Result<Vec<Endpoint>, String>,
    wanted: ConnectionType,
    table: Table,
    shown: usize,
    ui: &'a Ui,
}

impl<'a> Listing<'a> {
    fn new(
        args: &'a List,
        endpoints: Result<Vec<Endpoint>, eic_auth::Error>,
        wanted: ConnectionType,
        ui: &'a Ui,
    ) -> Self {
        Self {
            args,
            endpoints: endpoints.map_err(|error| error.to_string()),
            wanted,
            table: Table::new(&args.columns),
            shown: 0,
            ui,
        }
    }

    /// Shows each page as it comes; all at the end where they are to be sorted.
    async fn show(
        mut self,
        mut pages: mpsc::UnboundedReceiver<Vec<Instance>>,
    ) -> Result<(Self, Vec<Instance>), Failure> {
        let mut all = Vec::new();
        let mut later = Vec::new();
        while let Some(page) = pages.recv().await {
            let rows = page
                .iter()
                .map(|one| Row::new(one, &self.endpoints, self.wanted));
            let rows: Vec<_> = rows.filter(|row| self.is_wanted(row)).collect();
            match self.args.sort {
                Some(_) => later.extend(rows),
                None => self.rows(&rows)?,
            }
            all.extend(page);
        }
        if let Some(order) = &self.args.sort {
            order.sort(&mut later);
            self.rows(&later)?;
        }
        Ok((self, all))
    }

    fn is_wanted(&self, row: &Row) -> bool {
        let states = &self.args.state;
        states.is_empty() || states.contains(&row.state)
    }

    fn rows(&mut self, rows: &[Row]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let text = match self.args.json {
            true => self.json(rows)?,
            false => self.table.lines(rows),
        };
        self.shown += rows.len();
        self.ui.result(&text)
    }

    /// Objects of one array, each on a line.
    fn json(&self, rows: &[Row]) -> Result<String, Failure> {
        let mut text = String::new();
        for (number, row) in rows.iter().enumerate() {
            let separator = match self.shown + number {
                0 => "[",
                _ if number == 0 => ",",
                _ => "\n,",
            };
            let json = serde_json::to_string(row);
            let json = json.map_err(|source| Failure::new("cannot write JSON", source))?;
            text.push_str(&format!("{separator}{json}"));
        }
        Ok(text)
    }

    fn end(&self) -> Result<(), Failure> {
        match (self.args.json, self.shown) {
            (true, 0) => self.ui.result("[]"),
            (true, _) => self.ui.result("]"),
            (false, 0) => {
                self.ui.notice("no instances");
                Ok(())
            }
            (false, _) => Ok(()),
        }
    }
}
