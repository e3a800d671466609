use std::iter;

use crate::sigv4;

/// The parameters of an EC2 call: names with numbered parts, as in `Filter.1.Value.2`.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

/// A filter: its name, and the patterns of which one must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

impl Form {
    /// Reads `application/x-www-form-urlencoded` text.
    pub(super) fn parse(text: &str) -> Self {
        Self(sigv4::query_pairs(&text.replace('+', "%20")))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        sigv4::find(&self.0, name)
    }

    /// The values of `name.1`, `name.2` and so on, in this order.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let numbered = |(n, value)| Some((index(n, name)?.parse::<u32>().ok()?, value));
        let pairs = self.0.iter().map(|(n, value)| (n.as_str(), value.as_str()));
        let mut values: Vec<_> = pairs.filter_map(numbered).collect();
        values.sort_unstable();
        values.into_iter().map(|(_, value)| value).collect()
    }

    pub(super) fn filters(&self) -> Vec<Filter> {
        let names = self.0.iter().filter_map(|(n, value)| {
            let number = index(n, "Filter")?.strip_suffix(".Name")?;
            let values = self.list(&format!("Filter.{number}.Value"));
            let values = values.into_iter().map(str::to_owned).collect();
            Some(Filter {
                name: value.clone(),
                values,
            })
        });
        names.collect()
    }
}

impl Filter {
    /// Tells whether one of the values matches one of the patterns.
    pub(super) fn matches(&self, values: &[String]) -> bool {
        let any = |pattern: &String| values.iter().any(|value| matches(pattern, value));
        self.values.iter().any(any)
    }
}

fn index<'a>(name: &'a str, list: &str) -> Option<&'a str> {
    name.strip_prefix(list)?.strip_prefix('.')
}

/// Matches a filter value: `*` stands for any text, `?` for any character, and a backslash
/// takes the meaning from the next one.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>
fn matches(pattern: &str, value: &str) -> bool {
    let chars: Vec<char> = value.chars().collect();
    // Which beginnings of the value the pattern so far matches, by their length.
    let nothing = iter::once(true).chain(chars.iter().map(|_| false));
    let whole = tokens(pattern).fold(nothing.collect(), |lengths: Vec<bool>, token| match token {
        Token::Any => {
            let longer = lengths.iter().scan(false, |shorter, matched| {
                *shorter |= matched;
                Some(*shorter)
            });
            longer.collect()
        }
        token => {
            let next = lengths.iter().zip(&chars);
            let next = next.map(|(matched, c)| *matched && token.fits(*c));
            iter::once(false).chain(next).collect()
        }
    });
    whole.last() == Some(&true)
}

/// A part of a pattern.
enum Token {
    Any,
    One,
    Char(char),
}

impl Token {
    fn fits(&self, c: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Char(own) => *own == c,
        }
    }
}

fn tokens(pattern: &str) -> impl Iterator<Item = Token> {
    let mut chars = pattern.chars();
    iter::from_fn(move || {
        Some(match chars.next()? {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Char(chars.next().unwrap_or('\\')),
            c => Token::Char(c),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("web-1", "web-1", true),
            ("web-1", "web-10", false),
            ("web-*", "web-1", true),
            ("*", "", true),
            ("*-?", "web-1", true),
            ("*-?", "web-10", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXcb", false),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"a\", r"a\", true),
            ("é?", "éa", true),
            ("", "a", false),
        ];
        for (pattern, value, expected) in cases {
            assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
        }
    }

    #[test]
    fn numbered_parameters() {
        let text = "Action=DescribeInstances&InstanceId.2=b&InstanceId.1=a&InstanceId.10=c\
            &Filter.1.Name=tag%3AName&Filter.1.Value.1=a+b&Filter.1.Value.2=c%2B";
        let form = Form::parse(text);
        assert_eq!(form.get("Action"), Some("DescribeInstances"));
        assert_eq!(form.list("InstanceId"), ["a", "b", "c"]);
        let values = vec!["a b".to_owned(), "c+".to_owned()];
        assert_eq!(
            form.filters(),
            [Filter {
                name: "tag:Name".to_owned(),
                values
            }]
        );
    }
}
