//! Lists that come in pages.

use crate::Error;

/// The most pages that are read; AWS sends up to 1000 items in one.
const MAX_PAGES: usize = 500;

/// A page's items, and the token of the next.
pub(super) type Page<T> = (Vec<T>, Option<String>);

/// Reads all pages. Short and empty pages are none the last unless they say so.
pub(super) async fn all<T>(
    operation: &'static str,
    mut fetch: impl AsyncFnMut(Option<String>) -> Result<Page<T>, Error>,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    let mut token = None;
    for _ in 0..MAX_PAGES {
        let (page, next) = fetch(token.clone()).await?;
        items.extend(page);
        match next.filter(|next| !next.is_empty()) {
            None => return Ok(items),
            Some(next) if token.as_deref() == Some(next.as_str()) => {
                return Err(endless(operation, "the same page over and over"));
            }
            next => token = next,
        }
    }
    Err(endless(operation, "too many pages"))
}

fn endless(operation: &'static str, fault: &'static str) -> Error {
    Error::Response {
        operation,
        source: fault.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(pages: &[(&[u8], Option<&str>)]) -> Result<Vec<u8>, Error> {
        let mut pages = pages.iter();
        all("List", async |_| {
            let (items, next) = pages.next().unwrap();
            Ok((items.to_vec(), next.map(str::to_owned)))
        })
        .await
    }

    #[tokio::test]
    async fn pages() {
        assert_eq!(read(&[(&[1, 2], None)]).await.unwrap(), [1, 2]);
        assert_eq!(
            read(&[(&[1], Some("a")), (&[], Some("b")), (&[2], Some(""))])
                .await
                .unwrap(),
            [1, 2]
        );
        assert!(read(&[(&[1], Some("a")), (&[1], Some("a"))]).await.is_err());
        let mut count = 0;
        let endless = all("List", async |_| {
            count += 1;
            Ok((vec![0_u8], Some(count.to_string())))
        });
        assert!(endless.await.is_err());
        assert_eq!(count, MAX_PAGES);
    }
}
