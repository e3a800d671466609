//! Lists that come in pages.

use crate::Error;

/// The most pages that are read; AWS sends up to 1000 items in one.
const MAX_PAGES: usize = 500;

/// A list read page by page, in a loop: [`ask`](Self::ask) gives each page's token until [`add`](Self::add)
/// has seen the last page.
pub(super) struct Pages<T> {
    operation: &'static str,
    items: Vec<T>,
    /// The token of the next page, of the first one none; `None` after the last.
    next: Option<Option<String>>,
    read: usize,
}

impl<T> Pages<T> {
    pub(super) fn of(operation: &'static str) -> Self {
        Self {
            operation,
            items: Vec::new(),
            next: Some(None),
            read: 0,
        }
    }

    /// Gives the token to ask the next page with, unless there is none.
    pub(super) fn ask(&self) -> Option<Option<String>> {
        self.next.clone()
    }

    /// Adds a page. Short and empty pages are none the last unless they say so.
    pub(super) fn add(
        &mut self,
        page: impl IntoIterator<Item = T>,
        next: Option<&str>,
    ) -> Result<(), Error> {
        self.items.extend(page);
        self.read += 1;
        let next = next.filter(|next| !next.is_empty());
        let asked = self.next.take().flatten();
        if next.is_some() && next == asked.as_deref() {
            return Err(self.endless("the same page over and over"));
        }
        if next.is_some() && self.read == MAX_PAGES {
            return Err(self.endless("too many pages"));
        }
        self.next = next.map(|next| Some(next.to_owned()));
        Ok(())
    }

    pub(super) fn into_items(self) -> Vec<T> {
        self.items
    }

    fn endless(&self, fault: &'static str) -> Error {
        Error::Response {
            operation: self.operation,
            source: fault.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(
        pages: impl IntoIterator<Item = (&'a [u8], Option<&'a str>)>,
    ) -> Result<Vec<u8>, Error> {
        let mut list = Pages::of("List");
        let mut pages = pages.into_iter();
        while list.ask().is_some() {
            let (page, next) = pages.next().unwrap();
            list.add(page.iter().copied(), next)?;
        }
        Ok(list.into_items())
    }

    #[test]
    fn all_pages_are_read() {
        assert_eq!(read([(&[1, 2][..], None)]).unwrap(), [1, 2]);
        let short = [(&[1][..], Some("a")), (&[], Some("b")), (&[2], Some(""))];
        assert_eq!(read(short).unwrap(), [1, 2]);
    }

    #[test]
    fn lists_without_an_end_are_refused() {
        assert!(read([(&[1][..], Some("a")), (&[1], Some("a"))]).is_err());
        let endless = (0..).map(|page| (&[0][..], Some(if page % 2 == 0 { "a" } else { "b" })));
        assert!(read(endless).is_err());
    }
}
