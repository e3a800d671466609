use data_encoding::BASE64URL_NOPAD;

/// A page of a describe call's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next_token: Option<String>,
}

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageRequest<'a> {
    pub(super) size: Option<usize>,
    pub(super) token: Option<&'a str>,
}

impl PageRequest<'_> {
    /// Cuts the page out of all items; `None` when the token is not one of ours.
    pub(super) fn cut<T>(&self, items: impl IntoIterator<Item = T>) -> Option<Page<T>> {
        let start = self.token.map_or(Some(0), read_token)?;
        let size = self.size.unwrap_or(usize::MAX);
        let mut items = items.into_iter().skip(start);
        let page = items.by_ref().take(size).collect();
        let next_token = items.next().map(|_| token(start + size));
        Some(Page {
            items: page,
            next_token,
        })
    }
}

fn token(start: usize) -> String {
    BASE64URL_NOPAD.encode(format!("eic-sandbox page at {start}").as_bytes())
}

fn read_token(token: &str) -> Option<usize> {
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    text.strip_prefix("eic-sandbox page at ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let mut token: Option<String> = None;
        let mut seen = Vec::new();
        for _ in 0..3 {
            let request = PageRequest {
                size: Some(2),
                token: token.as_deref(),
            };
            let page = request.cut(1..=5).unwrap();
            seen.push(page.items);
            token = page.next_token;
        }
        assert_eq!(seen, [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(token, None);
    }

    #[test]
    fn all_at_once_and_a_token_of_someone_else() {
        let all = PageRequest {
            size: None,
            token: None,
        };
        assert_eq!(all.cut(1..=5).unwrap().next_token, None);
        let wrong = PageRequest {
            size: None,
            token: Some("abc"),
        };
        assert_eq!(wrong.cut(1..=5), None);
    }
}
